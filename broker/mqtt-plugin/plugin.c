/*
 * The plugin that makes mosquitto's listener for devices (mosquitto_plugin.h, version 5). It is
 * loaded twice, with per_listener_settings: on the devices' listener it decides everything; on
 * parley's own it only looks on, so that it sees the rows of logs pass. Which one is
 * plugin_opt_listener; plugin_opt_config is parley's configuration file. All callbacks are on
 * mosquitto's one loop. Rules are devices.c's.
 */
#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>

#include "broker/mqtt-plugin/devices.h"
#include "broker/mqtt-plugin/props.h"
#include "broker/mqtt-plugin/topic.h"
#include "broker/mqtt-plugin/waker.h"
#include "shared/base/log.h"

/* The process's context: what the two loads of the plugin share. */
static struct {
    struct conf *conf;
    struct devices *devices;
    int loads;
} plugin;

/* ---- the devices' listener ---- */

static int on_auth(int event, void *data, void *app)
{
    const struct mosquitto_evt_basic_auth *auth = data;
    enum err err = devices_connect(plugin.devices, auth->client, auth->username, auth->password);

    (void)event, (void)app;
    if (err == ERR_OK)
        return MOSQ_ERR_SUCCESS;
    log_event(LOG_INFO, "device_refused", "address=%s code=%s",
              mosquitto_client_address(auth->client), err_code(err));
    /* Of these mosquitto answers the first and closes without an answer after the second. */
    return err == ERR_UNAVAILABLE ? MOSQ_ERR_UNKNOWN : MOSQ_ERR_AUTH;
}

static bool may(struct device *device, const struct mosquitto_evt_acl_check *check)
{
    switch (check->access) {
    case MOSQ_ACL_SUBSCRIBE:
        return device_may_subscribe(plugin.devices, device, check->topic, check->qos);
    case MOSQ_ACL_UNSUBSCRIBE:
        device_unsubscribed(device, check->topic);
        return true;
    case MOSQ_ACL_WRITE:
        return device_may_publish(plugin.devices, device, check->topic, check->payloadlen,
                                  check->retain);
    case MOSQ_ACL_READ:
        return !check->retain && device_may_read(plugin.devices, device, check->topic,
                                                 check->payload, check->payloadlen, check->qos);
    default:
        return false;
    }
}

static int on_acl(int event, void *data, void *app)
{
    const struct mosquitto_evt_acl_check *check = data;
    struct device *device = devices_find(plugin.devices, check->client);

    (void)event, (void)app;
    return device && may(device, check) ? MOSQ_ERR_SUCCESS : MOSQ_ERR_ACL_DENIED;
}

/* It was allowed, so it is the device's own command. */
static int on_command(int event, void *data, void *app)
{
    struct mosquitto_evt_message *message = data;
    struct device *device = devices_find(plugin.devices, message->client);

    (void)event, (void)app;
    if (!device)
        return MOSQ_ERR_ACL_DENIED;
    props_sign(&message->properties, device_actor(device));
    return MOSQ_ERR_SUCCESS;
}

static int on_disconnect(int event, void *data, void *app)
{
    const struct mosquitto_evt_disconnect *disconnect = data;

    (void)event, (void)app;
    devices_disconnect(plugin.devices, disconnect->client);
    return MOSQ_ERR_SUCCESS;
}

/* ---- parley's own listener ---- */

static int on_message(int event, void *data, void *app)
{
    const struct mosquitto_evt_message *message = data;

    (void)event, (void)app;
    if (strcmp(message->topic, WAKER_TOPIC) == 0) {
        devices_turn(plugin.devices);
        return MOSQ_ERR_ACL_DENIED; /* nobody else is to hear of it */
    }
    devices_on_message(plugin.devices, message->topic, message->payload, message->properties);
    return MOSQ_ERR_SUCCESS;
}

/* ---- loading ---- */

static const char *option(const struct mosquitto_opt *options, int count, const char *key)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(options[i].key, key) == 0)
            return options[i].value;
    }
    return "";
}

static bool fail(const char *problem)
{
    mosquitto_log_printf(MOSQ_LOG_ERR, "parley: %s", problem);
    return false;
}

static bool load_conf(const char *path)
{
    struct buf problem;
    bool done;

    buf_init(&problem, 4096);
    done = conf_load(path, &plugin.conf, &problem) == ERR_OK &&
           conf_require(plugin.conf, CONF_AUTH_SECRET, &problem) == ERR_OK;
    if (!done)
        fail(buf_span(&problem).ptr);
    buf_release(&problem);
    return done;
}

static bool begin(const char *path)
{
    enum log_level level;

    if (plugin.loads++ > 0)
        return true;
    if (!load_conf(path))
        return false;
    if (log_level_parse(conf_str(plugin.conf, CONF_LOG_LEVEL), &level) != ERR_OK)
        level = LOG_INFO;
    log_open("parley-devices", level, conf_bool(plugin.conf, CONF_LOG_JSON));
    plugin.devices = devices_new(plugin.conf);
    return true;
}

static void end(void)
{
    if (--plugin.loads > 0)
        return;
    devices_free(plugin.devices);
    conf_free(plugin.conf);
    plugin.devices = NULL;
    plugin.conf = NULL;
}

static bool watch_devices(mosquitto_plugin_id_t *id)
{
    return mosquitto_callback_register(id, MOSQ_EVT_BASIC_AUTH, on_auth, NULL, NULL) == 0 &&
           mosquitto_callback_register(id, MOSQ_EVT_ACL_CHECK, on_acl, NULL, NULL) == 0 &&
           mosquitto_callback_register(id, MOSQ_EVT_MESSAGE, on_command, NULL, NULL) == 0 &&
           mosquitto_callback_register(id, MOSQ_EVT_DISCONNECT, on_disconnect, NULL, NULL) == 0;
}

static bool watch(mosquitto_plugin_id_t *id, const char *listener)
{
    if (strcmp(listener, "devices") == 0)
        return watch_devices(id) || fail("the callbacks are taken; is per_listener_settings on?");
    if (strcmp(listener, "private") == 0)
        return mosquitto_callback_register(id, MOSQ_EVT_MESSAGE, on_message, NULL, NULL) == 0 ||
               fail("the callbacks are taken; is per_listener_settings on?");
    return fail("plugin_opt_listener must be 'private' or 'devices'");
}

int mosquitto_plugin_version(int count, const int *versions)
{
    for (int i = 0; i < count; i++) {
        if (versions[i] == MOSQ_PLUGIN_VERSION)
            return MOSQ_PLUGIN_VERSION;
    }
    return -1;
}

int mosquitto_plugin_init(mosquitto_plugin_id_t *id, void **app, struct mosquitto_opt *options,
                          int count)
{
    (void)app;
    if (!begin(option(options, count, "config")) || !watch(id, option(options, count, "listener")))
        return MOSQ_ERR_INVAL;
    return MOSQ_ERR_SUCCESS;
}

/* mosquitto forgets the callbacks together with the listener. */
int mosquitto_plugin_cleanup(void *app, struct mosquitto_opt *options, int count)
{
    (void)app, (void)options, (void)count;
    end();
    return MOSQ_ERR_SUCCESS;
}
