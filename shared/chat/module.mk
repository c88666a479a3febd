# See docs/ARCHITECTURE.md
# Commands and reads: what a user may do and see; the events that follow.
noinst_LIBRARIES += libparley-chat.a
libparley_chat_a_SOURCES = \
	shared/chat/account.c shared/chat/account_internal.h \
	shared/chat/own_account.c shared/chat/own_account.h \
	shared/chat/answer.c \
	shared/chat/block_user.c \
	shared/chat/channel.c shared/chat/channel.h \
	shared/chat/chat.c shared/chat/chat.h shared/chat/chat_internal.h \
	shared/chat/command.c \
	shared/chat/create_channel.c \
	shared/chat/decode.c \
	shared/chat/edit_message.c \
	shared/chat/expire.c shared/chat/expire.h \
	shared/chat/identity.c shared/chat/identity.h \
	shared/chat/identity_keys.c shared/chat/identity_keys.h \
	shared/chat/join_channel.c \
	shared/chat/leave_channel.c \
	shared/chat/lists.c \
	shared/chat/mark_read.c \
	shared/chat/messages.c shared/chat/messages.h \
	shared/chat/moderate.c \
	shared/chat/page_cache.c shared/chat/page_cache.h \
	shared/chat/page_cursor.c shared/chat/page_cursor.h \
	shared/chat/permission.c shared/chat/permission.h \
	shared/chat/sanctions.c \
	shared/chat/step.c shared/chat/step.h \
	shared/chat/update_channel.c \
	shared/chat/command_internal.h \
	shared/chat/event.c shared/chat/event.h \
	shared/chat/event_name.c shared/chat/event_name.h \
	shared/chat/gate.c shared/chat/gate.h \
	shared/chat/nonce.c shared/chat/nonce.h \
	shared/chat/rules.c shared/chat/rules.h \
	shared/chat/presence.c shared/chat/presence.h \
	shared/chat/publish.c shared/chat/publish.h \
	shared/chat/read.h \
	shared/chat/read_admit.c shared/chat/read_history.c shared/chat/read_log.c shared/chat/read_sync.c \
	shared/chat/recover.c shared/chat/recover.h \
	shared/chat/render.c shared/chat/render.h \
	shared/chat/search.c shared/chat/search.h \
	shared/chat/send.c

# Tests of what stands on PostgreSQL; each starts a private one (tests/unit/pg.h).
CHAT_TEST_SOURCES = tests/unit/chat/world.c tests/unit/chat/world.h $(PG_TEST_SOURCES)
CHAT_TEST_LIBS = libparley-chat.a libparley-store.a libparley-db.a libparley-auth.a libparley-base.a \
	$(PQ_LIBS) $(SODIUM_LIBS) $(CRYPTO_LIBS) $(JSONC_LIBS) $(INIH_LIBS) $(UNISTRING_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/chat/send_test
tests_unit_chat_send_test_SOURCES = tests/unit/chat/send_test.c \
	tests/unit/chat/proxy.c tests/unit/chat/proxy.h $(CHAT_TEST_SOURCES)
tests_unit_chat_send_test_CPPFLAGS = $(PG_TEST_CPPFLAGS)
tests_unit_chat_send_test_LDADD = $(CHAT_TEST_LIBS)

ACT_TEST_SOURCES = tests/unit/chat/act.c tests/unit/chat/act.h $(CHAT_TEST_SOURCES)
check_PROGRAMS += \
	tests/unit/chat/account_test \
	tests/unit/chat/block_test \
	tests/unit/chat/channels_test \
	tests/unit/chat/decode_test \
	tests/unit/chat/direct_test \
	tests/unit/chat/edit_test \
	tests/unit/chat/mark_test \
	tests/unit/chat/search_test \
	tests/unit/chat/gate_test \
	tests/unit/chat/lists_test \
	tests/unit/chat/lost_test \
	tests/unit/chat/own_account_test \
	tests/unit/chat/moderation_test \
	tests/unit/chat/page_cache_test \
	tests/unit/chat/permission_test \
	tests/unit/chat/races_test \
	tests/unit/chat/rules_test

tests_unit_chat_channels_test_SOURCES = tests/unit/chat/channels_test.c $(ACT_TEST_SOURCES)
tests_unit_chat_channels_test_CPPFLAGS = $(PG_TEST_CPPFLAGS)
tests_unit_chat_channels_test_LDADD = $(CHAT_TEST_LIBS)
tests_unit_chat_decode_test_SOURCES = tests/unit/chat/decode_test.c $(ACT_TEST_SOURCES)
tests_unit_chat_decode_test_CPPFLAGS = $(PG_TEST_CPPFLAGS)
tests_unit_chat_decode_test_LDADD = $(CHAT_TEST_LIBS)
tests_unit_chat_gate_test_SOURCES = tests/unit/chat/gate_test.c
tests_unit_chat_gate_test_LDADD = libparley-chat.a libparley-base.a $(CMOCKA_LIBS)
tests_unit_chat_rules_test_SOURCES = tests/unit/chat/rules_test.c
tests_unit_chat_rules_test_LDADD = $(CHAT_TEST_LIBS)
tests_unit_chat_direct_test_SOURCES = tests/unit/chat/direct_test.c $(ACT_TEST_SOURCES)
tests_unit_chat_direct_test_CPPFLAGS = $(PG_TEST_CPPFLAGS)
tests_unit_chat_direct_test_LDADD = $(CHAT_TEST_LIBS)
tests_unit_chat_block_test_SOURCES = tests/unit/chat/block_test.c $(ACT_TEST_SOURCES)
tests_unit_chat_block_test_CPPFLAGS = $(PG_TEST_CPPFLAGS)
tests_unit_chat_block_test_LDADD = $(CHAT_TEST_LIBS)
tests_unit_chat_mark_test_SOURCES = tests/unit/chat/mark_test.c $(ACT_TEST_SOURCES)
tests_unit_chat_mark_test_CPPFLAGS = $(PG_TEST_CPPFLAGS)
tests_unit_chat_mark_test_LDADD = $(CHAT_TEST_LIBS)
tests_unit_chat_search_test_SOURCES = tests/unit/chat/search_test.c $(ACT_TEST_SOURCES)
tests_unit_chat_search_test_CPPFLAGS = $(PG_TEST_CPPFLAGS)
tests_unit_chat_search_test_LDADD = $(CHAT_TEST_LIBS)
tests_unit_chat_edit_test_SOURCES = tests/unit/chat/edit_test.c $(ACT_TEST_SOURCES)
tests_unit_chat_edit_test_CPPFLAGS = $(PG_TEST_CPPFLAGS)
tests_unit_chat_edit_test_LDADD = $(CHAT_TEST_LIBS)
tests_unit_chat_races_test_SOURCES = tests/unit/chat/races_test.c $(ACT_TEST_SOURCES)
tests_unit_chat_races_test_CPPFLAGS = $(PG_TEST_CPPFLAGS)
tests_unit_chat_races_test_LDADD = $(CHAT_TEST_LIBS)
tests_unit_chat_moderation_test_SOURCES = tests/unit/chat/moderation_test.c $(ACT_TEST_SOURCES)
tests_unit_chat_moderation_test_CPPFLAGS = $(PG_TEST_CPPFLAGS)
tests_unit_chat_moderation_test_LDADD = $(CHAT_TEST_LIBS)
tests_unit_chat_page_cache_test_SOURCES = tests/unit/chat/page_cache_test.c $(ACT_TEST_SOURCES)
tests_unit_chat_page_cache_test_CPPFLAGS = $(PG_TEST_CPPFLAGS)
tests_unit_chat_page_cache_test_LDADD = $(CHAT_TEST_LIBS)
tests_unit_chat_permission_test_SOURCES = tests/unit/chat/permission_test.c
tests_unit_chat_permission_test_LDADD = $(CHAT_TEST_LIBS)
tests_unit_chat_account_test_SOURCES = tests/unit/chat/account_test.c $(ACT_TEST_SOURCES)
tests_unit_chat_account_test_CPPFLAGS = $(PG_TEST_CPPFLAGS)
tests_unit_chat_account_test_LDADD = $(CHAT_TEST_LIBS)
tests_unit_chat_own_account_test_SOURCES = tests/unit/chat/own_account_test.c $(ACT_TEST_SOURCES)
tests_unit_chat_own_account_test_CPPFLAGS = $(PG_TEST_CPPFLAGS)
tests_unit_chat_own_account_test_LDADD = $(CHAT_TEST_LIBS)
tests_unit_chat_lists_test_SOURCES = tests/unit/chat/lists_test.c $(ACT_TEST_SOURCES)
tests_unit_chat_lists_test_CPPFLAGS = $(PG_TEST_CPPFLAGS)
tests_unit_chat_lists_test_LDADD = $(CHAT_TEST_LIBS)

check_PROGRAMS += tests/unit/chat/plan_test tests/unit/chat/read_test
tests_unit_chat_plan_test_SOURCES = tests/unit/chat/plan_test.c $(CHAT_TEST_SOURCES)
tests_unit_chat_plan_test_CPPFLAGS = $(PG_TEST_CPPFLAGS)
tests_unit_chat_plan_test_LDADD = $(CHAT_TEST_LIBS)
tests_unit_chat_read_test_SOURCES = tests/unit/chat/read_test.c $(CHAT_TEST_SOURCES)
tests_unit_chat_read_test_CPPFLAGS = $(PG_TEST_CPPFLAGS)
tests_unit_chat_read_test_LDADD = $(CHAT_TEST_LIBS)
check_PROGRAMS += tests/unit/chat/cost_test
tests_unit_chat_cost_test_SOURCES = tests/unit/chat/cost_test.c $(CHAT_TEST_SOURCES)
tests_unit_chat_cost_test_CPPFLAGS = $(PG_TEST_CPPFLAGS)
tests_unit_chat_cost_test_LDADD = $(CHAT_TEST_LIBS)
check_PROGRAMS += tests/unit/chat/presence_test
tests_unit_chat_presence_test_SOURCES = tests/unit/chat/presence_test.c $(CHAT_TEST_SOURCES)
tests_unit_chat_presence_test_CPPFLAGS = $(PG_TEST_CPPFLAGS)
tests_unit_chat_presence_test_LDADD = $(CHAT_TEST_LIBS)
check_PROGRAMS += tests/unit/chat/sync_test
tests_unit_chat_sync_test_SOURCES = tests/unit/chat/sync_test.c $(CHAT_TEST_SOURCES)
tests_unit_chat_sync_test_CPPFLAGS = $(PG_TEST_CPPFLAGS)
tests_unit_chat_sync_test_LDADD = $(CHAT_TEST_LIBS)
tests_unit_chat_lost_test_SOURCES = tests/unit/chat/lost_test.c \
	tests/unit/chat/proxy.c tests/unit/chat/proxy.h $(ACT_TEST_SOURCES)
tests_unit_chat_lost_test_CPPFLAGS = $(PG_TEST_CPPFLAGS)
tests_unit_chat_lost_test_LDADD = $(CHAT_TEST_LIBS)


EXTRA_PROGRAMS += tests/bench/send_bench
tests_bench_send_bench_SOURCES = tests/bench/send_bench.c $(CHAT_TEST_SOURCES)
tests_bench_send_bench_CPPFLAGS = $(PG_TEST_CPPFLAGS)
tests_bench_send_bench_LDADD = $(CHAT_TEST_LIBS)

check_PROGRAMS += tests/unit/chat/event_test tests/unit/chat/render_test
tests_unit_chat_event_test_SOURCES = tests/unit/chat/event_test.c
tests_unit_chat_event_test_LDADD = $(CHAT_TEST_LIBS)
tests_unit_chat_render_test_SOURCES = tests/unit/chat/render_test.c
tests_unit_chat_render_test_LDADD = $(CHAT_TEST_LIBS)
