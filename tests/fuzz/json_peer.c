/*
 * json-c as a second opinion on JSON texts. Not used outside the fuzz target.
 */
#include "tests/fuzz/json_peer.h"

#include <json-c/json.h>

long json_peer_elements(struct span text, int max_depth)
{
    struct json_tokener *tokener = json_tokener_new_ex(max_depth + 1);
    struct json_object *value = json_tokener_parse_ex(tokener, text.ptr, (int)text.len);
    enum json_tokener_error error = json_tokener_get_error(tokener);
    long elements = -1;
    /* A number on its own could go on: json-c then waits for more. */
    if (error == json_tokener_success || error == json_tokener_continue)
        elements =
            json_object_is_type(value, json_type_array) ? (long)json_object_array_length(value) : 0;
    json_object_put(value);
    json_tokener_free(tokener);
    return elements;
}
