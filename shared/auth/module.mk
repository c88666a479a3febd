# See docs/ARCHITECTURE.md
# Tokens, password hashes, digests. Pure functions over libsodium.
noinst_LIBRARIES += libparley-auth.a
libparley_auth_a_SOURCES = \
	shared/auth/digest.c shared/auth/digest.h
