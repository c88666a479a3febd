# What an installation needs beside the programs: units, set-up, sites for the web servers, examples.
SUBSTITUTE = sed -e 's|@sbindir[@]|$(sbindir)|g' -e 's|@bindir[@]|$(bindir)|g' \
	-e 's|@libdir[@]|$(libdir)|g' -e 's|@sysconfdir[@]|$(sysconfdir)|g' \
	-e 's|@pkgdatadir[@]|$(pkgdatadir)|g'
UNIT_TEMPLATES = \
	deploy/systemd/parley-broker@.service.in \
	deploy/systemd/parley-fcgi.service.in \
	deploy/systemd/parley-migrate.service.in

systemdunit_DATA = deploy/systemd/parley.target deploy/systemd/parley-fcgi.socket
nodist_systemdunit_DATA = $(UNIT_TEMPLATES:.in=)
$(nodist_systemdunit_DATA): $(UNIT_TEMPLATES) Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(SUBSTITUTE) $(srcdir)/$@.in >$@.tmp && mv $@.tmp $@

sysusersdir = $(prefix)/lib/sysusers.d
install-data-hook:
	$(MKDIR_P) '$(DESTDIR)$(sysusersdir)'
	$(INSTALL_DATA) $(srcdir)/deploy/systemd/parley.sysusers '$(DESTDIR)$(sysusersdir)/parley.conf'

nodist_sbin_SCRIPTS = parley-setup
parley-setup: deploy/setup/parley-setup.in Makefile
	$(AM_V_GEN)$(SUBSTITUTE) $(srcdir)/deploy/setup/parley-setup.in >$@.tmp && \
	  chmod 755 $@.tmp && mv $@.tmp $@

# The sites are made of the templates that ./dev up fills in: one broker on its usual port.
exampledir = $(docdir)/examples
lighttpdexampledir = $(exampledir)/lighttpd
dist_lighttpdexample_DATA = deploy/lighttpd/parley.conf.in deploy/lighttpd/tls.conf \
	deploy/lighttpd/cgi.conf
nodist_lighttpdexample_DATA = deploy/lighttpd/50-parley.conf
apacheexampledir = $(exampledir)/apache
dist_apacheexample_DATA = deploy/apache/parley.conf.in deploy/apache/tls.conf \
	deploy/apache/cgi.conf
nodist_apacheexample_DATA = deploy/apache/parley.conf

mosquittoexampledir = $(exampledir)/mosquitto
dist_mosquittoexample_DATA = deploy/mosquitto/bridge.conf.in

grafanaexampledir = $(exampledir)/grafana
dist_grafanaexample_DATA = deploy/grafana/parley.json

deploy/lighttpd/50-parley.conf: deploy/lighttpd/parley.conf.in deploy/setup/site.pl Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(PERL) $(srcdir)/deploy/setup/site.pl lighttpd \
	  $(srcdir)/deploy/lighttpd/parley.conf.in '$(pagesdir)' >$@.tmp && mv $@.tmp $@
deploy/apache/parley.conf: deploy/apache/parley.conf.in deploy/setup/site.pl Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(PERL) $(srcdir)/deploy/setup/site.pl apache \
	  $(srcdir)/deploy/apache/parley.conf.in '$(pagesdir)' >$@.tmp && mv $@.tmp $@

EXTRA_DIST += $(UNIT_TEMPLATES) $(systemdunit_DATA) deploy/systemd/parley.sysusers \
	deploy/setup/parley-setup.in deploy/setup/site.pl
CLEANFILES += parley-setup deploy/lighttpd/50-parley.conf deploy/apache/parley.conf \
	$(nodist_systemdunit_DATA)
