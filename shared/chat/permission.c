/* The table of permissions, see permission.h. The commands are in moderate.c. */
#include "shared/chat/permission.h"

/* Who at least. In the order of power, so that less is more. */
enum least { BY_ADMIN, BY_OWNER, BY_NOBODY, NO_MEMBER /* there is no such member */ };

enum standing { OUTSIDER, USER, ADMIN, OWNER, STANDING_COUNT };

/* clang-format off */
static const struct rule {
    enum chat_verb verb;
    enum least to[STANDING_COUNT];
    enum err owner_to_self; /* nobody else may do anything to himself */
} rules[] = {
    /*                     to an outsider  a user     an admin   the owner    owner to himself */
    {CHAT_ADD_ADMIN,      {NO_MEMBER,      BY_OWNER,  BY_OWNER,  BY_NOBODY},  ERR_LAST_OWNER},
    {CHAT_REMOVE_ADMIN,   {NO_MEMBER,      BY_OWNER,  BY_OWNER,  BY_NOBODY},  ERR_LAST_OWNER},
    {CHAT_MUTE_USER,      {NO_MEMBER,      BY_ADMIN,  BY_OWNER,  BY_NOBODY},  ERR_FORBIDDEN},
    {CHAT_UNMUTE_USER,    {BY_ADMIN,       BY_ADMIN,  BY_OWNER,  BY_NOBODY},  ERR_FORBIDDEN},
    {CHAT_BAN_USER,       {BY_ADMIN,       BY_ADMIN,  BY_OWNER,  BY_NOBODY},  ERR_FORBIDDEN},
    {CHAT_UNBAN_USER,     {BY_ADMIN,       BY_ADMIN,  BY_OWNER,  BY_NOBODY},  ERR_FORBIDDEN},
    {CHAT_KICK_USER,      {NO_MEMBER,      BY_ADMIN,  BY_OWNER,  BY_NOBODY},  ERR_FORBIDDEN},
    {CHAT_DELETE_MESSAGE, {BY_ADMIN,       BY_ADMIN,  BY_OWNER,  BY_NOBODY},  ERR_OK},
    {CHAT_UPDATE_CHANNEL, {NO_MEMBER,      BY_OWNER,  BY_OWNER,  BY_NOBODY},  ERR_OK},
};
/* clang-format on */

static const struct rule *rule_of(enum chat_verb verb)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (rules[i].verb == verb)
            return &rules[i];
    return NULL;
}

static enum standing standing_of(const struct permission_target *target)
{
    static const enum standing standings[] = {
        [ROLE_NONE] = USER, [ROLE_USER] = USER, [ROLE_ADMIN] = ADMIN, [ROLE_OWNER] = OWNER};
    return target->is_member ? standings[target->role] : OUTSIDER;
}

static bool is_enough(enum room_role actor, enum least least)
{
    return (least == BY_ADMIN && actor >= ROLE_ADMIN) || (least == BY_OWNER && actor == ROLE_OWNER);
}

enum err permission_check_role(enum chat_verb verb, enum room_role actor)
{
    const struct rule *rule = rule_of(verb);
    for (int standing = OUTSIDER; rule && standing < STANDING_COUNT; standing++)
        if (is_enough(actor, rule->to[standing]))
            return ERR_OK;
    return ERR_FORBIDDEN;
}

enum err permission_check(enum chat_verb verb, enum room_role actor,
                          const struct permission_target *target)
{
    const struct rule *rule = rule_of(verb);
    enum err err = permission_check_role(verb, actor);
    if (err)
        return err;
    if (target->is_self)
        return actor == ROLE_OWNER ? rule->owner_to_self : ERR_FORBIDDEN;
    enum least least = rule->to[standing_of(target)];
    if (least == NO_MEMBER)
        return ERR_USER_NOT_FOUND;
    return is_enough(actor, least) ? ERR_OK : ERR_FORBIDDEN;
}
