/*
 * Parameters in PostgreSQL's binary format (the send/recv functions of its types): integers and
 * times big-endian, arrays with their header. No quoting exists here, so none can be wrong.
 */
#include "shared/db/db_internal.h"

#include <assert.h>
#include <endian.h>

/* pg_type.oid: fixed by PostgreSQL's bootstrap catalogue. */
enum {
    OID_BOOL = 16,
    OID_BYTEA = 17,
    OID_INT8 = 20,
    OID_TEXT = 25,
    OID_BYTEA_ARRAY = 1001,
    OID_TEXT_ARRAY = 1009,
    OID_INT8_ARRAY = 1016,
    OID_TIMESTAMPTZ = 1184
};

static const Oid type_oids[] = {
    [DB_INT] = OID_INT8,
    [DB_BOOL] = OID_BOOL,
    [DB_TIME] = OID_TIMESTAMPTZ,
    [DB_TEXT] = OID_TEXT,
    [DB_BYTES] = OID_BYTEA,
    [DB_INT_ARRAY] = OID_INT8_ARRAY,
    [DB_TEXT_ARRAY] = OID_TEXT_ARRAY,
    [DB_BYTES_ARRAY] = OID_BYTEA_ARRAY,
};

static bool text_is_sound(struct span text)
{
    return text.len == 0 || memchr(text.ptr, '\0', text.len) == NULL;
}

bool db_params_are_sound(const struct db_param *params, int count)
{
    for (int i = 0; i < count; i++) {
        if (params[i].type == DB_TEXT && !text_is_sound(params[i].span))
            return false;
        if (params[i].type != DB_TEXT_ARRAY)
            continue;
        for (size_t j = 0; j < params[i].count; j++) {
            if (!text_is_sound(params[i].spans[j]))
                return false;
        }
    }
    return true;
}

static void add_u32(struct buf *out, uint32_t value)
{
    uint32_t wire = htobe32(value);

    buf_add(out, &wire, sizeof wire);
}

static void add_u64(struct buf *out, uint64_t value)
{
    uint64_t wire = htobe64(value);

    buf_add(out, &wire, sizeof wire);
}

/* array_recv: dimensions, has-nulls flag, element type, then per dimension length and lower bound.
 */
static void add_array_header(struct buf *out, size_t count, Oid element)
{
    add_u32(out, count ? 1 : 0);
    add_u32(out, 1);
    add_u32(out, element);
    if (count) {
        add_u32(out, (uint32_t)count);
        add_u32(out, 1);
    }
}

static void add_int_array(struct buf *out, const struct db_param *param)
{
    add_array_header(out, param->count, OID_INT8);
    for (size_t i = 0; i < param->count; i++) {
        add_u32(out, sizeof(int64_t));
        add_u64(out, (uint64_t)param->ints[i]);
    }
}

static void add_span_array(struct buf *out, const struct db_param *param, Oid element)
{
    add_array_header(out, param->count, element);
    for (size_t i = 0; i < param->count; i++) {
        struct span item = param->spans[i];

        if (!span_present(item)) {
            add_u32(out, UINT32_MAX); /* -1: NULL */
            continue;
        }
        add_u32(out, (uint32_t)item.len);
        buf_add_span(out, item);
    }
}

/* Microseconds from 1970 to 2000, PostgreSQL's epoch. */
#define PG_EPOCH_US INT64_C(946684800000000)

static void add_value(struct buf *out, const struct db_param *param)
{
    switch (param->type) {
    case DB_INT:
        add_u64(out, (uint64_t)param->number);
        break;
    case DB_BOOL:
        buf_add_char(out, param->number ? 1 : 0);
        break;
    case DB_TIME:
        add_u64(out, param->number == INT64_MAX ? (uint64_t)INT64_MAX
                                                : (uint64_t)(param->number - PG_EPOCH_US));
        break;
    case DB_INT_ARRAY:
        add_int_array(out, param);
        break;
    case DB_TEXT_ARRAY:
        add_span_array(out, param, OID_TEXT);
        break;
    case DB_BYTES_ARRAY:
        add_span_array(out, param, OID_BYTEA);
        break;
    case DB_TEXT:
    case DB_BYTES:
        break; /* sent from where they are */
    }
}

static bool is_sent_in_place(const struct db_param *param)
{
    return param->type == DB_TEXT || param->type == DB_BYTES;
}

void db_params_encode(const struct db_param *params, int count, struct buf *scratch,
                      struct db_encoded *out)
{
    size_t offsets[DB_PARAMS_MAX];

    assert(count <= DB_PARAMS_MAX);
    buf_clear(scratch);
    for (int i = 0; i < count; i++) {
        offsets[i] = scratch->len;
        if (!params[i].null)
            add_value(scratch, &params[i]);
        out->types[i] = type_oids[params[i].type];
        out->formats[i] = 1;
        out->lengths[i] = is_sent_in_place(&params[i]) ? (int)params[i].span.len
                                                       : (int)(scratch->len - offsets[i]);
    }
    /* Only now: the buffer may have moved while it grew. */
    for (int i = 0; i < count; i++) {
        if (params[i].null)
            out->values[i] = NULL;
        else if (is_sent_in_place(&params[i]))
            out->values[i] = params[i].span.ptr;
        else
            out->values[i] = scratch->data + offsets[i];
    }
}
