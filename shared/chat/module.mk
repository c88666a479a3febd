# See docs/ARCHITECTURE.md
# Commands and reads: what a user may do and see; the events that follow.
noinst_LIBRARIES += libparley-chat.a
libparley_chat_a_SOURCES = \
	shared/chat/chat.h \
	shared/chat/command_internal.h \
	shared/chat/event.c shared/chat/event.h \
	shared/chat/gate.c shared/chat/gate.h \
	shared/chat/nonce.c shared/chat/nonce.h \
	shared/chat/rules.c shared/chat/rules.h \
	shared/chat/read.h \
	shared/chat/render.c shared/chat/render.h
