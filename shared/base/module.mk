# Buffers, strings, time, ids, log, configuration, limits, errors. Depends on nothing of ours.
noinst_LIBRARIES += libparley-base.a
libparley_base_a_SOURCES = \
	shared/base/err.c shared/base/err.h \
	shared/base/banned.h
