# shellcheck shell=bash
check_main() { die "not yet"; }
