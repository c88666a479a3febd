/* Properties, see props.h. What they mean is event.h's and the gateway's. */
#include "broker/mqtt-plugin/props.h"

#include <inttypes.h>
#include <mqtt_protocol.h>
#include <stdio.h>

#define PAIRS_MAX 16

/* Up to PAIRS_MAX user properties, as strings to be freed; how many. */
struct pairs {
    char *names[PAIRS_MAX];
    char *values[PAIRS_MAX];
    int count;
};

static void pairs_read(const mosquitto_property *props, struct pairs *pairs)
{
    bool skip = false;

    pairs->count = 0;
    while (props && pairs->count < PAIRS_MAX) {
        props = mosquitto_property_read_string_pair(props, MQTT_PROP_USER_PROPERTY,
                                                    &pairs->names[pairs->count],
                                                    &pairs->values[pairs->count], skip);
        skip = true;
        if (props)
            pairs->count++;
    }
}

static void pairs_release(struct pairs *pairs)
{
    for (int i = 0; i < pairs->count; i++) {
        free(pairs->names[i]);
        free(pairs->values[i]);
    }
}

enum err props_event(const char *topic, const mosquitto_property *props, struct event *out)
{
    struct span names[PAIRS_MAX], values[PAIRS_MAX];
    struct pairs pairs;
    enum err err;

    *out = (struct event){0};
    pairs_read(props, &pairs);
    for (int i = 0; i < pairs.count; i++) {
        names[i] = span_of(pairs.names[i]);
        values[i] = span_of(pairs.values[i]);
    }
    err = event_decode(span_of(topic), names, values, pairs.count, out);
    pairs_release(&pairs);
    return err;
}

static void add_pair(mosquitto_property **to, const char *name, const char *value)
{
    if (mosquitto_property_add_string_pair(to, MQTT_PROP_USER_PROPERTY, name, value) != 0)
        abort(); /* out of memory: what else can fail was checked when it came in */
}

static void add_correlation(mosquitto_property **to, const mosquitto_property *from)
{
    void *bytes = NULL;
    uint16_t len = 0;

    if (!from ||
        !mosquitto_property_read_binary(from, MQTT_PROP_CORRELATION_DATA, &bytes, &len, false))
        return;
    if (mosquitto_property_add_binary(to, MQTT_PROP_CORRELATION_DATA, bytes, len) != 0)
        abort();
    free(bytes);
}

mosquitto_property *props_copy(const mosquitto_property *props)
{
    mosquitto_property *copy = NULL;
    struct pairs pairs;

    pairs_read(props, &pairs);
    for (int i = 0; i < pairs.count; i++)
        add_pair(&copy, pairs.names[i], pairs.values[i]);
    pairs_release(&pairs);
    add_correlation(&copy, props);
    return copy;
}

void props_sign(mosquitto_property **props, const struct chat_actor *actor)
{
    mosquitto_property *signed_props = NULL;
    char number[24];

    snprintf(number, sizeof number, "%" PRId64, actor->user_id);
    add_pair(&signed_props, "user", number);
    snprintf(number, sizeof number, "%" PRId64, actor->session_id);
    add_pair(&signed_props, "session", number);
    add_pair(&signed_props, "address", actor->address);
    add_correlation(&signed_props, *props);
    mosquitto_property_free_all(props);
    *props = signed_props;
}
