/* idmap against a plain array that remembers the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shared/base/idmap.h"

#define IDS 500

static void agrees_with_an_array(void **state)
{
    static int values[IDS + 1];
    void *model[IDS + 1] = {NULL};
    struct idmap map;
    uint64_t random = 42;

    (void)state;
    idmap_init(&map);
    for (int step = 0; step < 20000; step++) {
        int64_t id;

        random = random * 6364136223846793005u + 1442695040888963407u;
        id = 1 + (int64_t)((random >> 33) % IDS);
        if ((random >> 20) & 1) {
            idmap_put(&map, id, &values[id]);
            model[id] = &values[id];
        } else {
            idmap_remove(&map, id);
            model[id] = NULL;
        }
        if (step % 100 == 0) {
            size_t cursor = 0, seen = 0, expected = 0;

            for (int64_t i = 1; i <= IDS; i++) {
                assert_ptr_equal(idmap_get(&map, i), model[i]);
                expected += model[i] != NULL;
            }
            while (idmap_next(&map, &cursor))
                seen++;
            assert_int_equal(seen, expected);
            assert_int_equal(map.used, expected);
        }
    }
    idmap_release(&map);
}

static void empty_map_has_nothing(void **state)
{
    struct idmap map;

    (void)state;
    idmap_init(&map);
    assert_null(idmap_get(&map, 1));
    idmap_remove(&map, 1);
    idmap_release(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_an_array),
        cmocka_unit_test(empty_map_has_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
