/* What a session was sent, and what of it the client has; see record.h. Replaying is restore.c's.
 */
#include "broker/gateway/record.h"

#include "broker/sio/sio.h"
#include "shared/base/json_scan.h"
#include "shared/base/json_write.h"
#include "shared/base/mem.h"

void record_release(struct record *record)
{
    mem_free(record->rooms);
    mem_free(record->runs);
    *record = (struct record){0};
}

static void lower(int64_t *position, int64_t to)
{
    if (to < *position)
        *position = to;
}

void record_room(struct record *record, int64_t room, int64_t after)
{
    for (size_t i = 0; i < record->room_count; i++) {
        if (record->rooms[i].id == room) {
            lower(&record->rooms[i].after, after);
            return;
        }
    }
    if (record->room_count == record->room_cap) {
        record->room_cap = record->room_cap ? record->room_cap * 2 : 4;
        record->rooms = mem_regrow(record->rooms, record->room_cap, sizeof *record->rooms);
    }
    record->rooms[record->room_count++] = (struct record_room){room, after};
}

void record_run(struct record *record, const struct run *run)
{
    if (record->run_count == record->run_cap) {
        record->run_cap = record->run_cap ? record->run_cap * 2 : 8;
        record->runs = mem_regrow(record->runs, record->run_cap, sizeof *record->runs);
    }
    record->runs[record->run_count++] = *run;
}

bool record_point(const struct record *record, struct span offset, struct point *point)
{
    struct span epoch;

    if (span_is(offset, SIO_NO_OFFSET)) { /* passing news, before anything else since it came */
        *point = record->base_point;
        return true;
    }
    if (record->base[0] != '\0' && span_is(offset, record->base)) {
        *point = record->base_point;
        return true;
    }
    return offset_parse(offset, &epoch, point) && span_is(epoch, record->epoch);
}

/* The first row of `run` that comes after `point`; 0: it has them all. */
static int64_t first_after(const struct run *run, struct point point)
{
    struct point last = {run->n, run->k + run->count - 1};

    if (!point_after(last, point))
        return 0;
    return run->n > point.n || run->k > point.k ? run->seq : run->seq + point.k - run->k + 1;
}

bool record_rewind(struct record *record, struct span offset)
{
    struct point point;

    record->unsent = !span_present(offset);
    if (record->unsent)
        return true;
    if (!record_point(record, offset, &point) || point_after(record->floor, point))
        return false;
    for (size_t i = 0; i < record->run_count; i++) {
        const struct run *run = &record->runs[i];
        int64_t seq = first_after(run, point);

        if (seq != 0 && run->log != 0)
            record_room(record, run->log, seq - 1);
        else if (seq != 0)
            lower(&record->inbox, seq - 1);
    }
    record->run_count = 0;
    return true;
}

/* ---- as JSON ---- */

/* The numbers and texts of a record. */
static const struct {
    const char *name;
    size_t offset;
} numbers[] = {
    {"user", offsetof(struct record, user_id)},
    {"inbox", offsetof(struct record, inbox)},
    {"floorN", offsetof(struct record, floor.n)},
    {"floorK", offsetof(struct record, floor.k)},
    {"baseN", offsetof(struct record, base_point.n)},
    {"baseK", offsetof(struct record, base_point.k)},
};

static const struct {
    const char *name;
    size_t offset, size;
} texts[] = {
    {"sid", offsetof(struct record, sid), sizeof((struct record *)0)->sid},
    {"epoch", offsetof(struct record, epoch), sizeof((struct record *)0)->epoch},
    {"base", offsetof(struct record, base), sizeof((struct record *)0)->base},
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

void record_encode(const struct record *record, struct buf *out)
{
    struct json_writer w;

    json_begin(&w, out);
    json_object(&w, NULL);
    for (size_t i = 0; i < COUNT(texts); i++)
        json_cstr(&w, texts[i].name, (const char *)record + texts[i].offset);
    for (size_t i = 0; i < COUNT(numbers); i++)
        json_int(&w, numbers[i].name, *(const int64_t *)((const char *)record + numbers[i].offset));
    json_bool(&w, "unsent", record->unsent);
    if (record->timeline > 1)
        json_int(&w, "timeline", record->timeline);
    json_array(&w, "rooms");
    for (size_t i = 0; i < record->room_count; i++) {
        json_int(&w, NULL, record->rooms[i].id);
        json_int(&w, NULL, record->rooms[i].after);
    }
    json_array_end(&w);
    json_array(&w, "runs");
    for (size_t i = 0; i < record->run_count; i++) {
        const struct run *run = &record->runs[i];

        json_int(&w, NULL, run->n);
        json_int(&w, NULL, run->k);
        json_int(&w, NULL, run->count);
        json_int(&w, NULL, run->log);
        json_int(&w, NULL, run->seq);
    }
    json_array_end(&w);
    json_object_end(&w);
}

static bool decode_number(struct span json, int64_t *out)
{
    long long value;

    if (!span_present(json) || json_type_of(json) != JSON_NUMBER || !json_to_int(json, &value))
        return false;
    *out = value;
    return true;
}

static bool decode_text(struct span json, char *out, size_t size)
{
    struct buf text;
    bool good;

    if (!span_present(json) || json_type_of(json) != JSON_STRING)
        return false;
    buf_init(&text, size - 1);
    json_unescape(json, &text);
    good = buf_ok(&text);
    if (good)
        snprintf(out, size, "%s", text.data ? text.data : "");
    buf_release(&text);
    return good;
}

/* The next `count` numbers of an array; false: it ends before them. */
static bool next_numbers(struct span array, size_t *cursor, int64_t *out, int count)
{
    struct span value;

    for (int i = 0; i < count; i++) {
        if (!json_next(array, cursor, NULL, &value) || !decode_number(value, &out[i]))
            return false;
    }
    return true;
}

static bool decode_lists(struct span json, struct record *out)
{
    struct span rooms = json_member(json, "rooms"), runs = json_member(json, "runs");
    size_t cursor = 0;
    int64_t v[5];

    if (!span_present(rooms) || json_type_of(rooms) != JSON_ARRAY || !span_present(runs) ||
        json_type_of(runs) != JSON_ARRAY)
        return false;
    while (next_numbers(rooms, &cursor, v, 2))
        record_room(out, v[0], v[1]);
    cursor = 0;
    while (next_numbers(runs, &cursor, v, 5))
        record_run(out, &(struct run){v[0], v[1], v[2], v[3], v[4]});
    return true;
}

enum err record_decode(struct span json, struct record *out)
{
    struct span unsent;
    bool good;

    *out = (struct record){0};
    if (json_scan(json, 4) != ERR_OK || json_type_of(json) != JSON_OBJECT)
        return ERR_SYNTAX;
    good = decode_lists(json, out);
    for (size_t i = 0; i < COUNT(texts) && good; i++)
        good = decode_text(json_member(json, texts[i].name), (char *)out + texts[i].offset,
                           texts[i].size);
    for (size_t i = 0; i < COUNT(numbers) && good; i++)
        good = decode_number(json_member(json, numbers[i].name),
                             (int64_t *)((char *)out + numbers[i].offset));
    if (good && span_present(json_member(json, "timeline")))
        good = decode_number(json_member(json, "timeline"), &out->timeline);
    unsent = json_member(json, "unsent");
    out->unsent = span_is(unsent, "true");
    if (!good)
        record_release(out);
    return good ? ERR_OK : ERR_SYNTAX;
}
