"""The algebra: what is asked, as frozen values that know no protocol and no engine."""
