#!/usr/bin/python3
"""weir-login: who logs in where by FTP, POP3 or IMAP, one record a name; passwords are not looked at."""
import re

import weir

SAID = re.compile(rb"^(?:USER ([^\s]+)|\S+ LOGIN \"?([^\s\"]+))", re.I | re.M)

for rec in weir.records(types=["stream"]):
    weir.pass_on()
    if rec["dir"] == 0 and rec["resp_p"] in (21, 110, 143):
        for ftp, imap in SAID.findall(rec["payload"]):
            weir.emit("mine.login", user=(ftp or imap).decode("latin-1"))
