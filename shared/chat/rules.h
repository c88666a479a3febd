/*
 * The rules about values: what a text, a name, a password or a nonce may be. Limits come from the
 * configuration and count characters (Unicode code points). Each function answers NULL when the
 * value is fine, else the problem as a short constant phrase for `errors[].problem`. Pure; any
 * thread; any bytes may be passed.
 */
#ifndef PARLEY_CHAT_RULES_H
#define PARLEY_CHAT_RULES_H

#include "shared/base/buf.h"
#include "shared/base/conf.h"

/* A message: 1 to limits.message_chars characters, not blank, no control but newline and tab. */
const char *rule_message_text(const struct conf *conf, struct span text);

/* Why somebody is muted, banned or kicked: the same with limits.reason_chars. */
const char *rule_reason(const struct conf *conf, struct span reason);

/* The name of a PUBLIC or PRIVATE channel. What its folded form becomes counts too: a full-width @
 * must not reach the names of direct rooms. */
const char *rule_channel_name(const struct conf *conf, struct span name);

/* ASCII letters, digits, "_", "." and "-", starting with a letter or digit. */
const char *rule_username(const struct conf *conf, struct span name);

/* Passwords of users and of rooms: a number of characters, no NUL. */
const char *rule_user_password(const struct conf *conf, struct span password);
const char *rule_room_password(const struct conf *conf, struct span password);

/* Append the key under which a room of that name (any kind, any bytes) would be found; nothing if
 * there can be no such room. */
void rule_room_key(struct span name, struct buf *out);

/* Append the key under which a user of that name would be found; nothing if there can be none. */
void rule_username_key(struct span name, struct buf *out);

#endif
