# Manual pages. That of the configuration is made of the table of settings, so it cannot drift.
dist_man_MANS = docs/man/parley-broker.8 docs/man/parley-fcgi.8 docs/man/parley-setup.8 docs/man/parleyctl.8
nodist_man_MANS = docs/man/parley.conf.5

docs/man/parley.conf.5: docs/man/parley.conf.5.in docs/man/settings.pl shared/base/settings.def
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(PERL) $(srcdir)/docs/man/settings.pl \
	  $(srcdir)/shared/base/settings.def <$(srcdir)/docs/man/parley.conf.5.in >$@.tmp && mv $@.tmp $@

EXTRA_DIST += docs/man/parley.conf.5.in docs/man/settings.pl
CLEANFILES += docs/man/parley.conf.5
