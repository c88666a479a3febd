# Buffers, strings, time, ids, log, configuration, limits, errors. Depends on nothing of ours.
noinst_LIBRARIES += libparley-base.a
libparley_base_a_SOURCES = \
	shared/base/banned.h shared/base/span.h shared/base/list.h \
	shared/base/err.c shared/base/err.h \
	shared/base/mem.c shared/base/mem.h \
	shared/base/buf.c shared/base/buf.h \
	shared/base/clock.c shared/base/clock.h \
	shared/base/cores.c shared/base/cores.h \
	shared/base/dial.c shared/base/dial.h \
	shared/base/random.c shared/base/random.h \
	shared/base/hash.c shared/base/hash.h \
	shared/base/hex.h \
	shared/base/idmap.c shared/base/idmap.h \
	shared/base/bucket.c shared/base/bucket.h \
	shared/base/utf8.c shared/base/utf8.h \
	shared/base/json_scan.c shared/base/json_find.c shared/base/json_scan.h \
	shared/base/histogram.h shared/base/metrics.c shared/base/metrics.h \
	shared/base/json_write.c shared/base/json_write.h \
	shared/base/log.c shared/base/log.h \
	shared/base/conf.c shared/base/conf_read.c shared/base/conf_reload.c shared/base/conf.h shared/base/conf_table.h \
	shared/base/settings.def

EXTRA_DIST += tests/vectors/json/scan.txt

check_PROGRAMS += \
	tests/unit/base/bucket_test \
	tests/unit/base/buf_test \
	tests/unit/base/clock_test \
	tests/unit/base/conf_test \
	tests/unit/base/err_test \
	tests/unit/base/idmap_test \
	tests/unit/base/json_find_test \
	tests/unit/base/json_scan_test \
	tests/unit/base/json_write_test \
	tests/unit/base/log_test \
	tests/unit/base/mem_test \
	tests/unit/base/metrics_test \
	tests/unit/base/random_test \
	tests/unit/base/utf8_test
base_test_libs = libparley-base.a $(UNISTRING_LIBS) $(INIH_LIBS) $(CMOCKA_LIBS)
tests_unit_base_bucket_test_SOURCES = tests/unit/base/bucket_test.c
tests_unit_base_bucket_test_LDADD = $(base_test_libs)
tests_unit_base_buf_test_SOURCES = tests/unit/base/buf_test.c
tests_unit_base_buf_test_LDADD = $(base_test_libs)
tests_unit_base_clock_test_SOURCES = tests/unit/base/clock_test.c
tests_unit_base_clock_test_LDADD = $(base_test_libs)
tests_unit_base_conf_test_SOURCES = tests/unit/base/conf_test.c
tests_unit_base_conf_test_CPPFLAGS = $(AM_CPPFLAGS) -DTOP_SRCDIR='"$(abs_top_srcdir)"'
tests_unit_base_conf_test_LDADD = $(base_test_libs)
tests_unit_base_err_test_SOURCES = tests/unit/base/err_test.c
tests_unit_base_err_test_LDADD = $(base_test_libs)
tests_unit_base_idmap_test_SOURCES = tests/unit/base/idmap_test.c
tests_unit_base_idmap_test_LDADD = $(base_test_libs)
tests_unit_base_json_find_test_SOURCES = tests/unit/base/json_find_test.c $(vectors_sources)
tests_unit_base_json_find_test_CPPFLAGS = $(vectors_CPPFLAGS)
tests_unit_base_json_find_test_LDADD = $(base_test_libs)
tests_unit_base_json_scan_test_SOURCES = tests/unit/base/json_scan_test.c $(vectors_sources)
tests_unit_base_json_scan_test_CPPFLAGS = $(vectors_CPPFLAGS)
tests_unit_base_json_scan_test_LDADD = $(base_test_libs)
tests_unit_base_json_write_test_SOURCES = tests/unit/base/json_write_test.c
tests_unit_base_json_write_test_LDADD = $(base_test_libs)
tests_unit_base_log_test_SOURCES = tests/unit/base/log_test.c
tests_unit_base_log_test_LDADD = $(base_test_libs)
tests_unit_base_mem_test_SOURCES = tests/unit/base/mem_test.c
tests_unit_base_mem_test_LDADD = $(base_test_libs)
tests_unit_base_metrics_test_SOURCES = tests/unit/base/metrics_test.c
tests_unit_base_metrics_test_LDADD = $(base_test_libs)
tests_unit_base_random_test_SOURCES = tests/unit/base/random_test.c
tests_unit_base_random_test_LDADD = $(base_test_libs)
tests_unit_base_utf8_test_SOURCES = tests/unit/base/utf8_test.c
tests_unit_base_utf8_test_LDADD = $(base_test_libs)
