# Keeps the processes of a `./dev up` running. Depends on nothing of ours.
noinst_PROGRAMS += parley-supervise
parley_supervise_SOURCES = \
	deploy/supervise/supervise.c \
	deploy/supervise/service.c deploy/supervise/service.h
