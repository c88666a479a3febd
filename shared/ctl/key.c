/* parleyctl key, see key.h. */
#include "shared/ctl/key.h"

#include "shared/auth/api_key.h"
#include "shared/base/clock.h"
#include "shared/base/json_write.h"
#include "shared/base/utf8.h"
#include "shared/store/api_key.h"

#define NAME_MAX_BYTES 64

static void print_key(const struct ctl *ctl, const char *key)
{
    struct buf json, text;
    struct json_writer w;

    buf_init(&json, BUF_MAX_DEFAULT);
    buf_init(&text, BUF_MAX_DEFAULT);
    json_begin(&w, &json);
    json_object(&w, NULL);
    json_cstr(&w, "name", ctl->name);
    json_cstr(&w, "key", key);
    json_object_end(&w);
    buf_add_str(&text, key);
    ctl_print(ctl, &json, &text);
    buf_release(&json);
    buf_release(&text);
}

static bool has_control(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            return true;
    }
    return false;
}

enum ctl_exit ctl_key_add(struct ctl *ctl)
{
    unsigned char hash[API_KEY_HASH_SIZE];
    char key[API_KEY_SIZE];
    size_t len = strlen(ctl->name);
    enum err err;

    if (len < 1 || len > NAME_MAX_BYTES || !utf8_is_valid(span_of(ctl->name)) ||
        has_control(ctl->name)) {
        ctl_complain("the name must have 1 to %d bytes of UTF-8, no control characters",
                     NAME_MAX_BYTES);
        return CTL_FAILED;
    }
    api_key_make(key);
    api_key_hash(span_of(key), hash);
    err = key_add(ctl->db, span_of(ctl->name), span_make((const char *)hash, sizeof hash));
    if (err == ERR_OK)
        print_key(ctl, key);
    explicit_bzero(key, sizeof key);
    return err == ERR_OK ? CTL_OK : ctl_failed(err, ctl->name);
}

static void add_row(const struct key_row *row, struct json_writer *w, struct buf *text)
{
    struct buf line;

    json_object(w, NULL);
    json_string(w, "name", row->name);
    json_date(w, "createdAt", row->created_us);
    if (row->revoked_us)
        json_date(w, "revokedAt", row->revoked_us);
    json_object_end(w);
    buf_init(&line, BUF_MAX_DEFAULT);
    buf_add_span(&line, row->name);
    buf_addf(text, "%s%-32s %s", text->len ? "\n" : "", line.data,
             row->revoked_us ? "revoked" : "valid");
    buf_release(&line);
}

enum ctl_exit ctl_key_list(struct ctl *ctl)
{
    struct db_result rows = {0};
    struct buf json, text;
    struct json_writer w;
    enum err err = key_list(ctl->db, &rows);

    buf_init(&json, BUF_MAX_DEFAULT);
    buf_init(&text, BUF_MAX_DEFAULT);
    json_begin(&w, &json);
    json_object(&w, NULL);
    json_array(&w, "keys");
    for (int i = 0; err == ERR_OK && i < db_result_rows(&rows); i++) {
        struct key_row row;

        key_row_get(&rows, i, &row);
        add_row(&row, &w, &text);
    }
    json_array_end(&w);
    json_object_end(&w);
    if (err == ERR_OK)
        ctl_print(ctl, &json, &text);
    buf_release(&json);
    buf_release(&text);
    db_result_release(&rows);
    return err == ERR_OK ? CTL_OK : ctl_failed(err, "key list");
}

enum ctl_exit ctl_key_revoke(struct ctl *ctl)
{
    struct buf json, text;
    struct json_writer w;
    bool revoked = false;
    enum err err = key_revoke(ctl->db, span_of(ctl->name), &revoked);

    if (err)
        return ctl_failed(err, ctl->name);
    if (!revoked) {
        ctl_complain("there is no key %s, or it was revoked before", ctl->name);
        return CTL_FAILED;
    }
    buf_init(&json, BUF_MAX_DEFAULT);
    buf_init(&text, BUF_MAX_DEFAULT);
    json_begin(&w, &json);
    json_object(&w, NULL);
    json_cstr(&w, "revoked", ctl->name);
    json_object_end(&w);
    buf_addf(&text, "key %s revoked", ctl->name);
    ctl_print(ctl, &json, &text);
    buf_release(&json);
    buf_release(&text);
    return CTL_OK;
}
