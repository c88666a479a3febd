/*
 * Checks the placeholders of a binary packet in one pass over its JSON. Not a JSON parser: the text
 * has passed the strict scanner, so this only follows brackets, strings and two member names.
 *
 * A pass of its own because looking members up object by object would read deep payloads once per
 * level.
 */
#include "broker/sio/packet.h"

#include <assert.h>

#include "shared/base/json_scan.h"
#include "shared/base/mem.h"

/* One open array or object. */
struct frame {
    bool object;
    bool at_key;    /* in an object: the next string is a member's name */
    bool marked;    /* "_placeholder" is true (the last one counts) */
    bool num_ok;    /* "num" is an integer in range (the last one counts) */
    bool bad_below; /* something inside holds a bad placeholder */
};

enum member { MEMBER_OTHER, MEMBER_PLACEHOLDER, MEMBER_NUM };

struct walk {
    const char *at;
    const char *end;
    int attachments;
    enum member member; /* whose value comes next */
    struct frame *frames;
    int depth; /* open frames; frames[depth - 1] is the innermost */
};

/* Is the string `quoted` this ASCII name, perhaps written with escapes? */
static bool is_name(struct span quoted, const char *name)
{
    struct span inner = span_make(quoted.ptr + 1, quoted.len - 2);
    if (memchr(inner.ptr, '\\', inner.len) == NULL)
        return span_is(inner, name);
    struct buf text;
    buf_init(&text, quoted.len * 3);
    json_unescape(quoted, &text);
    bool same = span_is(buf_span(&text), name);
    buf_release(&text);
    return same;
}

static enum member member_of(struct span key)
{
    if (is_name(key, "_placeholder"))
        return MEMBER_PLACEHOLDER;
    return is_name(key, "num") ? MEMBER_NUM : MEMBER_OTHER;
}

static struct span take_string(struct walk *w)
{
    const char *start = w->at++;
    while (*w->at != '"')
        w->at += *w->at == '\\' ? 2 : 1;
    w->at++;
    return span_make(start, (size_t)(w->at - start));
}

/* A number, true, false or null: up to the next structural character. */
static struct span take_scalar(struct walk *w)
{
    const char *start = w->at;
    while (w->at < w->end && strchr(",]} \t\r\n", *w->at) == NULL)
        w->at++;
    return span_make(start, (size_t)(w->at - start));
}

/* Note the value of the member that was named last. A string or container is passed as SPAN_NONE.
 */
static void note_value(struct walk *w, struct span scalar)
{
    struct frame *frame = w->depth > 0 ? &w->frames[w->depth - 1] : NULL;
    long long num = -1;
    assert(frame || w->member == MEMBER_OTHER);
    if (w->member == MEMBER_PLACEHOLDER)
        frame->marked = span_is(scalar, "true");
    if (w->member == MEMBER_NUM)
        frame->num_ok = span_present(scalar) && json_type_of(scalar) == JSON_NUMBER &&
                        json_to_int(scalar, &num) && num >= 0 && num < w->attachments;
    w->member = MEMBER_OTHER;
}

static void open_frame(struct walk *w)
{
    note_value(w, SPAN_NONE);
    bool object = *w->at++ == '{';
    w->frames[w->depth++] = (struct frame){.object = object, .at_key = object};
}

/* What a placeholder object holds beside num is replaced with it, so a bad one inside a good one
 * does no harm. True if the closed container is or holds a bad placeholder. */
static void close_frame(struct walk *w, bool *bad)
{
    struct frame *frame = &w->frames[--w->depth];
    w->at++;
    *bad = frame->marked ? !frame->num_ok : frame->bad_below;
    if (*bad && w->depth > 0)
        w->frames[w->depth - 1].bad_below = true;
}

static void take_key_or_string(struct walk *w)
{
    struct frame *frame = w->depth > 0 ? &w->frames[w->depth - 1] : NULL;
    struct span string = take_string(w);
    if (frame != NULL && frame->at_key) {
        frame->at_key = false;
        w->member = member_of(string);
    } else {
        note_value(w, SPAN_NONE);
    }
}

static void step(struct walk *w, bool *bad)
{
    switch (*w->at) {
    case '{':
    case '[':
        open_frame(w);
        break;
    case '}':
    case ']':
        close_frame(w, bad);
        break;
    case '"':
        take_key_or_string(w);
        break;
    case ',':
        w->frames[w->depth - 1].at_key = w->frames[w->depth - 1].object;
        w->at++;
        break;
    case ':':
    case ' ':
    case '\t':
    case '\r':
    case '\n':
        w->at++;
        break;
    default:
        note_value(w, take_scalar(w));
    }
}

enum err sio_placeholders_check(struct span json, int max_depth, int attachments)
{
    struct walk w = {.at = json.ptr, .end = json.ptr + json.len, .attachments = attachments};
    bool bad = false; /* of the container closed last: in the end, of the whole */
    w.frames = mem_array((size_t)max_depth, sizeof(*w.frames));
    while (w.at < w.end)
        step(&w, &bad);
    free(w.frames);
    return bad ? ERR_SYNTAX : ERR_OK;
}
