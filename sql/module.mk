# Forward-only migrations, applied in order by parleyctl migrate.
sqldir = $(pkgdatadir)/sql
dist_sql_DATA = sql/0001_init.sql sql/0002_recovery.sql sql/0003_moderation.sql \
	sql/0004_messages.sql sql/0005_presence.sql sql/0006_api_key.sql \
	sql/0007_of_user.sql sql/0008_foreign.sql sql/0009_page_version.sql
