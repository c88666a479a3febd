/* A process's way to MQTT, see mqtt.h. What is said is publish.c's. */
#include "fcgi/mqtt.h"

#include <poll.h>

#include "shared/base/clock.h"
#include "shared/base/mem.h"
#include "shared/base/random.h"

#define LATE_WAIT_MS 300
#define LATE_STEP_MS 2

struct mqtt {
    const struct conf *conf;
    bool late;
    struct bus_thread *bus; /* NULL: late, and nobody has asked */
};

static struct bus_thread *open_bus(const struct conf *conf, bool late)
{
    char unique[RANDOM_ID_SIZE], client_id[64];

    random_id(unique);
    snprintf(client_id, sizeof client_id, "parley-fcgi-%s", unique);
    const struct bus_options options = {.host = conf_str(conf, CONF_MQTT_HOST),
                                        .port = (int)conf_int(conf, CONF_MQTT_PORT),
                                        .username = conf_str(conf, CONF_MQTT_USERNAME),
                                        .password = conf_str(conf, CONF_MQTT_PASSWORD),
                                        .client_id = client_id,
                                        .keepalive_s = (int)conf_int(conf, CONF_MQTT_KEEPALIVE_S),
                                        .inflight = (int)conf_int(conf, CONF_MQTT_INFLIGHT),
                                        .keep_first = late};
    return bus_thread_new(&options, options.inflight);
}

struct mqtt *mqtt_new(const struct conf *conf, bool late)
{
    struct mqtt *mqtt = mem_alloc(sizeof *mqtt);

    mqtt->conf = conf;
    mqtt->late = late;
    if (!late)
        (void)mqtt_bus(mqtt);
    return mqtt;
}

void mqtt_free(struct mqtt *mqtt)
{
    bus_thread_free(mqtt->bus);
    mem_free(mqtt);
}

struct bus_thread *mqtt_bus(struct mqtt *mqtt)
{
    if (!mqtt->bus)
        mqtt->bus = open_bus(mqtt->conf, mqtt->late);
    return mqtt->bus;
}

bool mqtt_is_connected(struct mqtt *mqtt)
{
    struct bus_thread *bus = mqtt_bus(mqtt);
    int64_t until = clock_mono_ms() + LATE_WAIT_MS;

    while (mqtt->late && !bus_thread_is_connected(bus) && clock_mono_ms() < until)
        poll(NULL, 0, LATE_STEP_MS);
    return bus_thread_is_connected(bus);
}

bool mqtt_probe(struct mqtt *mqtt, int64_t timeout_ms)
{
    return mqtt_is_connected(mqtt) && bus_thread_probe(mqtt_bus(mqtt), timeout_ms);
}
