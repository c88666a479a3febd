# The REST interface: routes and resources over shared/chat. Everything but main.c is a library, so
# that tests can do without FastCGI.
noinst_LIBRARIES += libparley-fcgi.a
libparley_fcgi_a_SOURCES = \
	fcgi/app.h fcgi/transport.h fcgi/resources.h \
	fcgi/uri.c fcgi/uri.h \
	fcgi/request.c fcgi/request.h \
	fcgi/response.c fcgi/response.h \
	fcgi/cors.c fcgi/cors.h \
	fcgi/routes.c fcgi/routes.h \
	fcgi/dispatch.c fcgi/publish.c \
	fcgi/command.c fcgi/command.h \
	fcgi/page.c fcgi/page.h \
	fcgi/auth.c fcgi/users.c fcgi/channels.c fcgi/members.c fcgi/messages.c fcgi/history.c \
	fcgi/health.c \
	fcgi/worker.c fcgi/worker.h \
	fcgi/cgi.c fcgi/cgi.h
