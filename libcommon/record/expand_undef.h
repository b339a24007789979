/* expand_undef: takes back the macros of one expansion. */
#undef KEY
#undef FIELD
#undef OPT
#undef EFIELD
#undef EOPT
#undef LIST
#undef SUBS
#undef HFIELD
#undef PAYLOAD
#undef RECORD
#undef END
#undef SUBRECORD
#undef SUBEND
#undef HOT
#undef HOT_END
