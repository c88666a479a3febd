/* Events to MQTT, after the commit that made them true. */
#include "fcgi/app.h"

static void publish_one(struct bus_thread *bus, const struct event *committed, uint32_t timeline)
{
    struct event copy = *committed;
    const struct event *event = &copy;
    char topic[EVENT_TOPIC_SIZE];
    struct event_props props;
    struct bus_prop pairs[BUS_PROPS_MAX];

    copy.timeline = timeline;
    event_topic_of(event, topic);
    event_props_encode(event, &props);
    int count = props.count < BUS_PROPS_MAX ? props.count : BUS_PROPS_MAX;
    for (int i = 0; i < count; i++)
        pairs[i] = (struct bus_prop){props.names[i], props.values[i]};
    struct span payload = span_make(event->json ? event->json : "", event->json_len);
    if (bus_thread_publish(bus, topic, payload, pairs, count, event_qos(event)) != ERR_OK)
        return; /* MQTT is down or behind: the sweep delivers */
}

void app_publish(const struct call *call, const struct event_list *events)
{
    for (size_t i = 0; i < events->count; i++)
        publish_one(mqtt_bus(call->app->mqtt), &events->items[i], db_timeline(call->db));
}
