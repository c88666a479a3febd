# The pages that the web server in front serves: `make pages` puts them together out of web/, the
# descriptions and the npm modules of package-lock.json, in web-pages. A tarball has them ready (in
# web/pages), so that whoever builds from one needs neither Node.js nor a network.
pagesdir = $(pkgdatadir)/web

pages:
	$(AM_V_GEN)if test -e $(srcdir)/web/pages/index.html; then \
	  rm -rf web-pages && cp -R $(srcdir)/web/pages web-pages && chmod -R u+w web-pages; \
	elif command -v npm >/dev/null; then \
	  { test -d $(srcdir)/web/node_modules || (cd $(srcdir)/web && \
	    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error); } && \
	  node $(srcdir)/web/build.mjs web-pages; \
	else \
	  echo "making the pages needs Node.js and npm" >&2; exit 1; \
	fi

# Without Node.js in a checkout, the programs are installed all the same.
install-data-local:
	@$(MAKE) pages || test ! -e $(srcdir)/web/pages/index.html
	if test -e web-pages/index.html; then \
	  $(MKDIR_P) '$(DESTDIR)$(pagesdir)' && cp -R web-pages/. '$(DESTDIR)$(pagesdir)' && \
	  chmod -R u=rwX,go=rX '$(DESTDIR)$(pagesdir)'; \
	else \
	  echo "*** without the pages: they need Node.js and npm"; \
	fi
uninstall-local:
	rm -rf '$(DESTDIR)$(pagesdir)'
	rm -f '$(DESTDIR)$(sysusersdir)/parley.conf'
clean-local:
	rm -rf web-pages web-pages.*
.PHONY: pages
