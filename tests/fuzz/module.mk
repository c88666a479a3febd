# Fuzz targets. As check programs they replay the corpus in the tree; with ./configure CC=clang-14
# --enable-fuzz they are also linked with libFuzzer (tests/fuzz/<name>, run by ./dev fuzz).
EXTRA_DIST += tests/fuzz/corpus tests/fuzz/run.sh
fuzz_libs = libsio-sio.a libsio-eio.a libparley-base.a $(JSONC_LIBS) $(ZLIB_LIBS) $(UNISTRING_LIBS)
fuzz_net_libs = libsio-sio.a libsio-net.a libsio-eio.a libparley-base.a $(LWS_LIBS) $(EV_LIBS) $(ZLIB_LIBS) \
	$(UNISTRING_LIBS)
fuzz_peer = tests/fuzz/json_peer.c tests/fuzz/json_peer.h
fuzz_sources = tests/fuzz/fuzz.h tests/fuzz/replay.c
fuzz_corpus = $(abs_top_srcdir)/tests/fuzz/corpus

check_PROGRAMS += \
	tests/fuzz/eio_replay \
	tests/fuzz/http_replay \
	tests/fuzz/json_replay \
	tests/fuzz/query_replay \
	tests/fuzz/session_replay \
	tests/fuzz/sio_replay \
	tests/fuzz/ws_replay
tests_fuzz_eio_replay_SOURCES = tests/fuzz/eio_fuzz.c $(fuzz_sources)
tests_fuzz_eio_replay_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS_DIR='"$(fuzz_corpus)/eio"'
tests_fuzz_eio_replay_LDADD = $(fuzz_libs)
tests_fuzz_http_replay_SOURCES = tests/fuzz/http_fuzz.c $(fuzz_sources)
tests_fuzz_http_replay_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS_DIR='"$(fuzz_corpus)/http"'
tests_fuzz_http_replay_LDADD = $(fuzz_net_libs)
tests_fuzz_json_replay_SOURCES = tests/fuzz/json_fuzz.c $(fuzz_peer) $(fuzz_sources)
tests_fuzz_json_replay_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS_DIR='"$(fuzz_corpus)/json"' $(JSONC_CFLAGS)
tests_fuzz_json_replay_LDADD = $(fuzz_libs)
tests_fuzz_query_replay_SOURCES = tests/fuzz/query_fuzz.c $(fuzz_sources)
tests_fuzz_query_replay_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS_DIR='"$(fuzz_corpus)/query"'
tests_fuzz_query_replay_LDADD = $(fuzz_libs)
fuzz_session = tests/fuzz/session_fuzz.c tests/unit/eio/fake_net.c tests/unit/eio/fake_net.h
tests_fuzz_session_replay_SOURCES = $(fuzz_session) $(fuzz_sources)
tests_fuzz_session_replay_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS_DIR='"$(fuzz_corpus)/session"'
tests_fuzz_session_replay_LDADD = $(fuzz_net_libs)
tests_fuzz_sio_replay_SOURCES = tests/fuzz/sio_fuzz.c $(fuzz_sources)
tests_fuzz_sio_replay_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS_DIR='"$(fuzz_corpus)/sio"'
tests_fuzz_sio_replay_LDADD = $(fuzz_libs)
tests_fuzz_ws_replay_SOURCES = tests/fuzz/ws_fuzz.c $(fuzz_sources)
tests_fuzz_ws_replay_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS_DIR='"$(fuzz_corpus)/ws"'
tests_fuzz_ws_replay_LDADD = $(fuzz_libs)

if FUZZ
noinst_PROGRAMS += \
	tests/fuzz/eio_fuzz \
	tests/fuzz/http_fuzz \
	tests/fuzz/json_fuzz \
	tests/fuzz/query_fuzz \
	tests/fuzz/session_fuzz \
	tests/fuzz/sio_fuzz \
	tests/fuzz/ws_fuzz
tests_fuzz_eio_fuzz_SOURCES = tests/fuzz/eio_fuzz.c tests/fuzz/fuzz.h
tests_fuzz_eio_fuzz_LDADD = $(fuzz_libs)
tests_fuzz_eio_fuzz_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_http_fuzz_SOURCES = tests/fuzz/http_fuzz.c tests/fuzz/fuzz.h
tests_fuzz_http_fuzz_LDADD = $(fuzz_net_libs)
tests_fuzz_http_fuzz_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_json_fuzz_SOURCES = tests/fuzz/json_fuzz.c $(fuzz_peer) tests/fuzz/fuzz.h
tests_fuzz_json_fuzz_CPPFLAGS = $(AM_CPPFLAGS) $(JSONC_CFLAGS)
tests_fuzz_json_fuzz_LDADD = $(fuzz_libs)
tests_fuzz_json_fuzz_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_query_fuzz_SOURCES = tests/fuzz/query_fuzz.c tests/fuzz/fuzz.h
tests_fuzz_query_fuzz_LDADD = $(fuzz_libs)
tests_fuzz_query_fuzz_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_session_fuzz_SOURCES = $(fuzz_session) tests/fuzz/fuzz.h
tests_fuzz_session_fuzz_LDADD = $(fuzz_net_libs)
tests_fuzz_session_fuzz_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_sio_fuzz_SOURCES = tests/fuzz/sio_fuzz.c tests/fuzz/fuzz.h
tests_fuzz_sio_fuzz_LDADD = $(fuzz_libs)
tests_fuzz_sio_fuzz_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_ws_fuzz_SOURCES = tests/fuzz/ws_fuzz.c tests/fuzz/fuzz.h
tests_fuzz_ws_fuzz_LDADD = $(fuzz_libs)
tests_fuzz_ws_fuzz_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
endif
