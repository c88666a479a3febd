/* Who a token of an outside issuer is, see identity.h. */
#include "shared/chat/identity.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/auth/digest.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/base/random.h"
#include "shared/chat/identity_keys.h"
#include "shared/chat/rules.h"
#include "shared/store/foreign.h"

/* Tokens of late: 1 MB. One that is forgotten costs a look into the database. */
#define CACHE_SETS 2048
#define CACHE_WAYS 4

#define TRIES 4            /* a name is taken under our hands as often at most */
#define NAME_STEM_CHARS 25 /* leaves room for a dot and six more of 32 */
#define NAMES 4

struct known {
    unsigned char digest[FOREIGN_DIGEST_SIZE];
    int64_t expires_s; /* 0: nothing is here */
    struct foreign_user user;
};

struct identity {
    const struct conf *conf;
    struct foreign_policy policy;
    struct identity_keys *keys;
    pthread_mutex_t lock; /* of the cache */
    unsigned turn;
    struct known cache[CACHE_SETS][CACHE_WAYS];
};

/* ---- settings ---- */

static const char *read_policy(const struct conf *conf, struct foreign_policy *policy)
{
    const char *algorithm = conf_str(conf, CONF_AUTH_FOREIGN_ALGORITHM);
    policy->issuer = conf_str(conf, CONF_AUTH_FOREIGN_ISSUER);
    policy->audience = conf_str(conf, CONF_AUTH_FOREIGN_AUDIENCE);
    policy->name_claim = conf_str(conf, CONF_AUTH_FOREIGN_NAME_CLAIM);
    policy->leeway_s = conf_int(conf, CONF_AUTH_FOREIGN_LEEWAY_S);
    policy->algorithm = strcmp(algorithm, "RS256") == 0 ? KEYSET_RS256 : KEYSET_EDDSA;
    if (policy->algorithm == KEYSET_EDDSA && strcmp(algorithm, "EdDSA") != 0)
        return "auth.foreign_algorithm is neither RS256 nor EdDSA";
    if (policy->issuer[0] == '\0' || strcmp(policy->issuer, conf_str(conf, CONF_AUTH_ISSUER)) == 0)
        return "auth.foreign_issuer is empty, or auth.issuer";
    if (policy->audience[0] == '\0')
        return "auth.foreign_audience is empty";
    return NULL;
}

struct identity *identity_new(const struct conf *conf)
{
    struct foreign_policy policy;
    const char *path = conf_str(conf, CONF_AUTH_FOREIGN_KEYS);
    if (path[0] == '\0')
        return NULL;
    const char *problem = read_policy(conf, &policy);
    if (problem) {
        log_event(LOG_ERROR, "foreign_tokens_refused", "problem=\"%s\"", problem);
        return NULL;
    }
    struct identity *identity = mem_alloc(sizeof *identity);
    identity->conf = conf;
    identity->policy = policy;
    pthread_mutex_init(&identity->lock, NULL);
    identity->keys = identity_keys_new(path, policy.algorithm);
    return identity;
}

void identity_free(struct identity *identity)
{
    if (!identity)
        return;
    identity_keys_free(identity->keys);
    pthread_mutex_destroy(&identity->lock);
    mem_free(identity);
}

/* ---- who tokens of late are ---- */

static struct known *set_of(struct identity *identity, const unsigned char *digest)
{
    uint32_t place;
    memcpy(&place, digest, sizeof place);
    return identity->cache[place % CACHE_SETS];
}

static void set_actor(const struct foreign_user *user, const struct foreign_claims *claims,
                      struct chat_actor *out)
{
    out->user_id = user->user_id;
    out->session_id = user->session_id;
    out->expires_us = claims->expires_s * 1000000;
    memcpy(out->username, user->username, sizeof out->username);
}

static void remember(struct identity *identity, const struct foreign_claims *claims,
                     const struct foreign_user *user)
{
    pthread_mutex_lock(&identity->lock);
    struct known *set = set_of(identity, claims->digest);
    struct known *slot = NULL;
    for (int i = 0; i < CACHE_WAYS; i++) {
        if (!slot && memcmp(set[i].digest, claims->digest, FOREIGN_DIGEST_SIZE) == 0)
            slot = &set[i];
    }
    if (!slot)
        slot = &set[identity->turn++ % CACHE_WAYS];
    memcpy(slot->digest, claims->digest, FOREIGN_DIGEST_SIZE);
    slot->expires_s = claims->expires_s;
    slot->user = *user;
    pthread_mutex_unlock(&identity->lock);
}

static void recall(struct identity *identity, const struct foreign_claims *claims,
                   struct chat_actor *out)
{
    pthread_mutex_lock(&identity->lock);
    const struct known *set = set_of(identity, claims->digest);
    for (int i = 0; i < CACHE_WAYS; i++) {
        if (set[i].expires_s != 0 &&
            memcmp(set[i].digest, claims->digest, FOREIGN_DIGEST_SIZE) == 0)
            set_actor(&set[i].user, claims, out);
    }
    pthread_mutex_unlock(&identity->lock);
}

enum err identity_check(struct identity *identity, struct span token, struct chat_actor *out)
{
    struct foreign_claims claims;
    enum err err = identity_keys_verify(identity->keys, &identity->policy, token, &claims);
    if (err)
        return err;
    *out = (struct chat_actor){.expires_us = claims.expires_s * 1000000};
    recall(identity, &claims, out);
    return ERR_OK;
}

/* ---- names ---- */

/* Names for a new user, the nicest first; the last is free for all that anybody can foresee. */
struct names {
    char text[NAMES][TOKEN_USERNAME_SIZE];
    struct span spans[NAMES];
    size_t count;
};

static void add_name(struct names *names)
{
    names->spans[names->count] = span_of(names->text[names->count]);
    names->count++;
}

/* Hex of a digest of the two: the same wherever it is made. */
static void name_digits(const char *issuer, const char *subject, char out[2 * DIGEST_SIZE + 1])
{
    unsigned char digest[DIGEST_SIZE];
    struct buf text;
    buf_init(&text, BUF_MAX_DEFAULT);
    buf_add(&text, issuer, strlen(issuer) + 1);
    buf_add_str(&text, subject);
    digest_make(buf_span(&text), digest);
    for (int i = 0; i < DIGEST_SIZE; i++)
        snprintf(out + (size_t)2 * i, 3, "%02x", digest[i]);
    buf_release(&text);
}

static void make_names(const struct identity *identity, const struct foreign_claims *claims,
                       struct names *out)
{
    char digits[2 * DIGEST_SIZE + 1];
    name_digits(identity->policy.issuer, claims->subject, digits);
    out->count = 0;
    if (!rule_username(identity->conf, span_of(claims->name))) {
        snprintf(out->text[out->count], TOKEN_USERNAME_SIZE, "%.*s", TOKEN_USERNAME_SIZE - 1,
                 claims->name);
        add_name(out);
        snprintf(out->text[out->count], TOKEN_USERNAME_SIZE, "%.*s.%.6s", NAME_STEM_CHARS,
                 claims->name, digits);
        add_name(out);
    }
    snprintf(out->text[out->count], TOKEN_USERNAME_SIZE, "user.%.12s", digits);
    add_name(out);
    snprintf(out->text[out->count], TOKEN_USERNAME_SIZE, "user.%016llx",
             (unsigned long long)random_u64());
    add_name(out);
}

enum err identity_find(struct identity *identity, struct db *db, struct span token,
                       struct chat_actor *out)
{
    struct foreign_claims claims;
    struct foreign_user user;
    struct names names;
    enum err err = identity_keys_verify(identity->keys, &identity->policy, token, &claims);
    if (err)
        return err;
    make_names(identity, &claims, &names);
    const struct foreign_seen seen = {
        .issuer = span_of(identity->policy.issuer),
        .subject = span_of(claims.subject),
        .digest = span_make((const char *)claims.digest, sizeof claims.digest),
        .expires_s = claims.expires_s,
        .names = names.spans,
        .name_count = names.count,
    };
    int tries = 0;
    do {
        err = foreign_identify(db, &seen, &user);
    } while (err == ERR_NAME_TAKEN && ++tries < TRIES);
    if (err)
        return err == ERR_NAME_TAKEN ? ERR_UNAVAILABLE : err_public(err);
    remember(identity, &claims, &user);
    set_actor(&user, &claims, out);
    return ERR_OK;
}
