/* parleyctl user and token, see account.h. The rules are those of signing up; limits do not apply
 * to the operator. */
#include "shared/ctl/account.h"

#include <errno.h>
#include <termios.h>
#include <unistd.h>

#include "shared/auth/password.h"
#include "shared/auth/token.h"
#include "shared/base/clock.h"
#include "shared/base/json_write.h"
#include "shared/chat/rules.h"
#include "shared/store/session.h"
#include "shared/store/user.h"

#define SECRET_BYTES_MIN 32

static void print_done(const struct ctl *ctl, const char *key, const char *value, const char *what)
{
    struct buf json, text;
    struct json_writer w;
    buf_init(&json, BUF_MAX_DEFAULT);
    buf_init(&text, BUF_MAX_DEFAULT);
    json_begin(&w, &json);
    json_object(&w, NULL);
    json_cstr(&w, key, value);
    json_object_end(&w);
    buf_addf(&text, "%s %s %s", key, value, what);
    ctl_print(ctl, &json, &text);
    buf_release(&json);
    buf_release(&text);
}

/* ---- user ---- */

/* One line of standard input, without its end; false: none, one too long or one with a zero byte.
 */
static bool read_line(char *line, size_t size)
{
    size_t len = 0;
    int c;
    while ((c = getchar()) != EOF && c != '\n') {
        if (c == '\0' || len + 1 == size)
            return false;
        line[len++] = (char)c;
    }
    if (len > 0 && line[len - 1] == '\r')
        len--;
    line[len] = '\0';
    return c != EOF || len > 0;
}

/* At a terminal it is asked for, and not shown. */
static bool read_password(char *line, size_t size)
{
    struct termios before, hidden;
    bool terminal = tcgetattr(STDIN_FILENO, &before) == 0;
    if (terminal) {
        hidden = before;
        hidden.c_lflag &= ~(tcflag_t)ECHO;
        fputs("Password: ", stderr);
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    }
    setvbuf(stdin, NULL, _IONBF, 0); /* leaves no copy of it behind */
    bool got = read_line(line, size);
    if (terminal) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        fputc('\n', stderr);
    }
    return got;
}

static enum ctl_exit add_user(struct ctl *ctl, struct span password)
{
    const struct password_cost cost = {.ops = conf_int(ctl->conf, CONF_AUTH_HASH_OPS),
                                       .bytes = conf_int(ctl->conf, CONF_AUTH_HASH_BYTES)};
    char hash[PASSWORD_HASH_SIZE];
    struct buf key;
    int64_t user_id;
    password_hash(&cost, password, hash);
    buf_init(&key, BUF_MAX_DEFAULT);
    rule_username_key(span_of(ctl->name), &key);
    enum err err = user_create(ctl->db, span_of(ctl->name), buf_span(&key), hash, &user_id);
    buf_release(&key);
    if (err)
        return ctl_failed(err, ctl->name);
    print_done(ctl, "user", ctl->name, "added");
    return CTL_OK;
}

enum ctl_exit ctl_user_add(struct ctl *ctl)
{
    char line[8192];
    const char *problem = rule_username(ctl->conf, span_of(ctl->name));
    if (problem) {
        ctl_complain("the username %s", problem);
        return CTL_FAILED;
    }
    if (!read_password(line, sizeof line)) {
        explicit_bzero(line, sizeof line);
        ctl_complain("no password on standard input, or none that can be used");
        return CTL_FAILED;
    }
    problem = rule_user_password(ctl->conf, span_of(line));
    if (problem)
        ctl_complain("the password %s", problem);
    enum ctl_exit status = problem ? CTL_FAILED : add_user(ctl, span_of(line));
    explicit_bzero(line, sizeof line);
    return status;
}

enum ctl_exit ctl_user_disable(struct ctl *ctl)
{
    struct buf key;
    buf_init(&key, BUF_MAX_DEFAULT);
    rule_username_key(span_of(ctl->name), &key);
    enum err err = user_disable(ctl->db, buf_span(&key));
    buf_release(&key);
    if (err)
        return ctl_failed(err, ctl->name);
    print_done(ctl, "user", ctl->name, "disabled");
    return CTL_OK;
}

enum ctl_exit ctl_user_enable(struct ctl *ctl)
{
    struct buf key;
    buf_init(&key, BUF_MAX_DEFAULT);
    rule_username_key(span_of(ctl->name), &key);
    enum err err = user_enable(ctl->db, buf_span(&key));
    buf_release(&key);
    if (err)
        return ctl_failed(err, ctl->name);
    print_done(ctl, "user", ctl->name, "enabled");
    return CTL_OK;
}

/* ---- token ---- */

static void print_tokens(const struct ctl *ctl, const struct user_row *user, int64_t session_id)
{
    const struct token_key key = {.secret = conf_str(ctl->conf, CONF_AUTH_SECRET),
                                  .issuer = conf_str(ctl->conf, CONF_AUTH_ISSUER)};
    struct token_claims claims = {
        .user_id = user->id, .session_id = session_id, .issued_s = clock_wall_us() / 1000000};
    struct buf json, access, refresh;
    struct json_writer w;
    claims.expires_s = claims.issued_s + conf_int(ctl->conf, CONF_AUTH_ACCESS_TTL_S);
    memcpy(claims.username, user->username, sizeof claims.username);
    buf_init(&json, BUF_MAX_DEFAULT);
    buf_init(&access, BUF_MAX_DEFAULT);
    buf_init(&refresh, BUF_MAX_DEFAULT);
    token_issue(&key, &claims, &access);
    token_refresh_issue(&key, session_id, 1, &refresh);
    json_begin(&w, &json);
    json_object(&w, NULL);
    json_cstr(&w, "username", user->username);
    json_int(&w, "session", session_id);
    json_string(&w, "accessToken", buf_span(&access));
    json_string(&w, "refreshToken", buf_span(&refresh));
    json_int(&w, "expiresIn", claims.expires_s - claims.issued_s);
    json_object_end(&w);
    ctl_print(ctl, &json, &access);
    buf_release(&json);
    buf_release(&access);
    buf_release(&refresh);
}

enum ctl_exit ctl_token_issue(struct ctl *ctl)
{
    struct user_row user;
    struct buf key;
    int64_t user_id, session_id;
    if (strlen(conf_str(ctl->conf, CONF_AUTH_SECRET)) < SECRET_BYTES_MIN) {
        ctl_complain("auth.secret is not set: give the --config of the running instance");
        return CTL_USAGE;
    }
    buf_init(&key, BUF_MAX_DEFAULT);
    rule_username_key(span_of(ctl->name), &key);
    enum err err = user_find(ctl->db, buf_span(&key), &user);
    if (!err)
        err = session_open_for(ctl->db, buf_span(&key),
                               conf_int(ctl->conf, CONF_AUTH_REFRESH_TTL_S), &user_id, &session_id);
    buf_release(&key);
    if (err)
        return ctl_failed(err, ctl->name);
    print_tokens(ctl, &user, session_id);
    return CTL_OK;
}

enum ctl_exit ctl_token_revoke(struct ctl *ctl)
{
    struct session_end end;
    char *rest = NULL;
    errno = 0;
    long long session_id = strtoll(ctl->name, &rest, 10);
    if (errno || *rest || session_id <= 0) {
        ctl_complain("%s is no session number", ctl->name);
        return CTL_USAGE;
    }
    enum err err = session_finish(ctl->db, session_id, 0, &end);
    if (err)
        return ctl_failed(err, ctl->name);
    if (end.user_id == 0) {
        ctl_complain("there is no session %s, or it has ended", ctl->name);
        return CTL_FAILED;
    }
    print_done(ctl, "session", ctl->name, "ended");
    return CTL_OK;
}
