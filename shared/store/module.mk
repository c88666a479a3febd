# The SQL, one file per noun; the only place where statements are written.
noinst_LIBRARIES += libparley-store.a
libparley_store_a_SOURCES = \
	shared/store/account.c shared/store/account.h \
	shared/store/admission.c shared/store/admission.h \
	shared/store/block.c shared/store/block.h \
	shared/store/access.c shared/store/access.h shared/store/alive.h shared/store/field.h \
	shared/store/api_key.c shared/store/api_key.h \
	shared/store/change.c shared/store/change.h \
	shared/store/edit.c shared/store/edit.h \
	shared/store/foreign.c shared/store/foreign.h \
	shared/store/history.c shared/store/history.h \
	shared/store/listing.c shared/store/listing.h \
	shared/store/log.c shared/store/log.h \
	shared/store/marker.c shared/store/marker.h shared/store/unread.h \
	shared/store/message.c shared/store/message.h \
	shared/store/migration.c shared/store/migration.h \
	shared/store/moderation.c shared/store/moderation.h \
	shared/store/overview.c shared/store/overview.h \
	shared/store/presence.c shared/store/presence.h \
	shared/store/publish.c shared/store/publish.h \
	shared/store/recovery.c shared/store/recovery.h \
	shared/store/room.c shared/store/room.h \
	shared/store/search.c shared/store/search.h \
	shared/store/session.c shared/store/session.h \
	shared/store/user.c shared/store/user.h
