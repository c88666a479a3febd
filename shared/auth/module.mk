# Tokens, password hashes, digests. Pure functions over libsodium: no I/O, no clock.
noinst_LIBRARIES += libparley-auth.a
libparley_auth_a_SOURCES = \
	shared/auth/digest.c shared/auth/digest.h \
	shared/auth/mac.c shared/auth/mac.h \
	shared/auth/token.c shared/auth/refresh.c shared/auth/token.h \
	shared/auth/password.c shared/auth/password.h
