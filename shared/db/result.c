/*
 * Rows: getters over libpq's binary results. They take what the statement says it returns; a type
 * they do not know is a bug of the statement's author (asserted).
 */
#include "shared/db/db_internal.h"

#include <assert.h>
#include <endian.h>

enum { OID_JSONB = 3802 };

#define PG_EPOCH_US INT64_C(946684800000000)
#define ARRAY_HEADER_SIZE 20 /* one dimension */

static uint16_t read_u16(const char *bytes)
{
    uint16_t wire;

    memcpy(&wire, bytes, sizeof wire);
    return be16toh(wire);
}

static uint32_t read_u32(const char *bytes)
{
    uint32_t wire;

    memcpy(&wire, bytes, sizeof wire);
    return be32toh(wire);
}

static uint64_t read_u64(const char *bytes)
{
    uint64_t wire;

    memcpy(&wire, bytes, sizeof wire);
    return be64toh(wire);
}

int db_result_rows(const struct db_result *result)
{
    return result->pg ? PQntuples(result->pg) : 0;
}

int64_t db_result_affected(const struct db_result *result)
{
    return result->pg ? strtoll(PQcmdTuples(result->pg), NULL, 10) : 0;
}

bool db_result_is_null(const struct db_result *result, int row, int column)
{
    return PQgetisnull(result->pg, row, column);
}

int64_t db_result_int(const struct db_result *result, int row, int column)
{
    const char *bytes = PQgetvalue(result->pg, row, column);

    if (PQgetisnull(result->pg, row, column))
        return 0;
    switch (PQgetlength(result->pg, row, column)) {
    case 2:
        return (int16_t)read_u16(bytes);
    case 4:
        return (int32_t)read_u32(bytes);
    case 8:
        return (int64_t)read_u64(bytes);
    default:
        assert(!"not an integer column");
        return 0;
    }
}

bool db_result_bool(const struct db_result *result, int row, int column)
{
    return !PQgetisnull(result->pg, row, column) && PQgetvalue(result->pg, row, column)[0] != 0;
}

int64_t db_result_time(const struct db_result *result, int row, int column)
{
    int64_t since_2000 = db_result_int(result, row, column);

    if (PQgetisnull(result->pg, row, column) || since_2000 == INT64_MIN)
        return 0;
    return since_2000 == INT64_MAX ? INT64_MAX : since_2000 + PG_EPOCH_US;
}

struct span db_result_text(const struct db_result *result, int row, int column)
{
    struct span text = {PQgetvalue(result->pg, row, column),
                        (size_t)PQgetlength(result->pg, row, column)};

    if (PQgetisnull(result->pg, row, column))
        return SPAN_NONE;
    /* jsonb_send: one byte of version, then the text. */
    if (PQftype(result->pg, column) == OID_JSONB && text.len > 0)
        return span_make(text.ptr + 1, text.len - 1);
    return text;
}

size_t db_result_array_count(const struct db_result *result, int row, int column)
{
    const char *bytes = PQgetvalue(result->pg, row, column);

    if (PQgetisnull(result->pg, row, column) || read_u32(bytes) == 0)
        return 0;
    assert(read_u32(bytes) == 1);
    return read_u32(bytes + 12);
}

int64_t db_result_array_int(const struct db_result *result, int row, int column, size_t index)
{
    const char *bytes = PQgetvalue(result->pg, row, column) + ARRAY_HEADER_SIZE;

    assert(index < db_result_array_count(result, row, column));
    return (int64_t)read_u64(bytes + index * 12 + 4); /* each: length 8, then the value */
}

void db_result_release(struct db_result *result)
{
    PQclear(result->pg);
    result->pg = NULL;
}
