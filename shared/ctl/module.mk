# The operator's command.
bin_PROGRAMS += parleyctl
parleyctl_SOURCES = \
	shared/ctl/account.c shared/ctl/account.h \
	shared/ctl/command.c shared/ctl/command.h \
	shared/ctl/ctl.h \
	shared/ctl/drain.c shared/ctl/drain.h \
	shared/ctl/inspect.c shared/ctl/inspect.h \
	shared/ctl/key.c shared/ctl/key.h \
	shared/ctl/main.c \
	shared/ctl/migrate.c shared/ctl/migrate.h \
	shared/ctl/output.c shared/ctl/output.h \
	shared/ctl/who.c shared/ctl/who.h
parleyctl_CPPFLAGS = $(AM_CPPFLAGS) -DSQL_DIR=\"$(sqldir)\"
parleyctl_LDADD = \
	libparley-chat.a libparley-store.a libparley-db.a libparley-auth.a libparley-base.a \
	$(PQ_LIBS) $(SODIUM_LIBS) $(CRYPTO_LIBS) $(INIH_LIBS) $(UNISTRING_LIBS)

dist_check_SCRIPTS += tests/unit/ctl/parleyctl_test.sh
