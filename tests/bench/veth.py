"""veth: two network namespaces with an end of a veth pair each, for benches; nothing leaves them."""
import os
import subprocess

A, B = "wba%d" % os.getpid(), "wbb%d" % os.getpid()


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def inside(ns, *words, **options):
    return subprocess.Popen(["ip", "netns", "exec", ns, *words], **options)


def up():
    for ns in A, B:
        ip("netns", "add", ns)
        inside(ns, "sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1").wait()
    ip("-n", A, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", B)
    for ns in A, B:
        ip("-n", ns, "link", "set", "eth0", "up")


def down():
    for ns in A, B:
        subprocess.run(["ip", "netns", "del", ns])
