# Tokens, password hashes, digests. Pure functions over libsodium and libcrypto: no I/O, no clock.
noinst_LIBRARIES += libparley-auth.a
libparley_auth_a_SOURCES = \
	shared/auth/api_key.c shared/auth/api_key.h \
	shared/auth/digest.c shared/auth/digest.h \
	shared/auth/foreign.c shared/auth/foreign.h \
	shared/auth/jwt.c shared/auth/jwt.h \
	shared/auth/keyset.c shared/auth/keyset.h \
	shared/auth/mac.c shared/auth/mac.h \
	shared/auth/token.c shared/auth/refresh.c shared/auth/token.h \
	shared/auth/password.c shared/auth/password.h

check_PROGRAMS += \
	tests/unit/auth/digest_test \
	tests/unit/auth/foreign_test \
	tests/unit/auth/mac_test \
	tests/unit/auth/password_test \
	tests/unit/auth/refresh_test \
	tests/unit/auth/token_test
auth_test_libs = libparley-auth.a libparley-base.a $(UNISTRING_LIBS) $(SODIUM_LIBS) $(CRYPTO_LIBS) $(CMOCKA_LIBS)
tests_unit_auth_digest_test_SOURCES = tests/unit/auth/digest_test.c
tests_unit_auth_digest_test_LDADD = $(auth_test_libs)
tests_unit_auth_mac_test_SOURCES = tests/unit/auth/mac_test.c
tests_unit_auth_mac_test_LDADD = $(auth_test_libs)
tests_unit_auth_password_test_SOURCES = tests/unit/auth/password_test.c
tests_unit_auth_password_test_LDADD = $(auth_test_libs)
tests_unit_auth_refresh_test_SOURCES = tests/unit/auth/refresh_test.c
tests_unit_auth_refresh_test_LDADD = $(auth_test_libs)
tests_unit_auth_token_test_SOURCES = tests/unit/auth/token_test.c
tests_unit_auth_token_test_LDADD = $(auth_test_libs)
tests_unit_auth_foreign_test_SOURCES = tests/unit/auth/foreign_test.c
tests_unit_auth_foreign_test_LDADD = $(auth_test_libs)
