"""The version of l2send: a constant, since reading it from the installed package takes longer than all of `--help`."""

VERSION = "0.1.0"
