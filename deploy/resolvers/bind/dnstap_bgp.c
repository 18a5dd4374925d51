/*
 * dnstap-bgp's hook for BIND 9.18: hands each answer to dnstap-bgp before the client gets it.
 *
 * A plugin of named. In named.conf, at the top level or in a view:
 *
 *     plugin query "/usr/lib/dnstap-bgp/dnstap_bgp.so" {
 *         socket "/run/dnstap-bgp/dnstap.sock";
 *         identity "bind-1";
 *     };
 *
 * named calls it when an answer is complete and about to be sent, from the cache or not. It writes a dnstap frame (CLIENT_RESPONSE, one way
 * Frame Streams: START, then data frames) to the UNIX socket that dnstap-bgp listens on. Answers that nobody has validated yet (CD=1) are left out.
 *
 * named never waits: the socket is never blocking, a frame that finds no room is dropped, and a connection that fails is tried again a second
 * later at the earliest. Each thread of named has a connection of its own, so that frames never mix.
 *
 *     u32be length | 0a len identity | 72 len Message | 78 01
 *                                       Message: 08 06 | 60 seconds | 6d u32le nanoseconds | 72 len response
 *     response: header, question, answer section; names are not compressed (RFC 1035 section 4.1)
 *
 * A plugin works with the version of BIND that it was built for: build it again after an upgrade (see Makefile).
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <isc/list.h>
#include <isc/log.h>
#include <isc/mem.h>
#include <isc/netmgr.h>
#include <isc/result.h>

#include <dns/message.h>
#include <dns/name.h>
#include <dns/rdata.h>
#include <dns/rdataset.h>

#include <ns/client.h>
#include <ns/hooks.h>
#include <ns/log.h>
#include <ns/query.h>

#define CONTENT_TYPE "protobuf:dnstap.Dnstap"
#define RETRY_SECONDS 1
#define MAX_THREADS 512
#define MAX_IDENTITY 255
/* Longer answers are left to ordinary dnstap: a frame this short goes into the socket whole or not at all. */
#define MAX_RESPONSE 16384
#define MAX_VARINT 5
/* Everything of a frame that stands before the response: five lengths, two times, tags, identity. */
#define MAX_HEAD (MAX_IDENTITY + 64)
#define MAX_TAIL 2

enum { TYPE_A = 1, TYPE_CNAME = 5, TYPE_AAAA = 28, TYPE_DNAME = 39, TYPE_SVCB = 64, TYPE_HTTPS = 65 };

struct connection {
	int fd; /* -1: none */
	time_t retry_at;
	uint8_t buffer[MAX_HEAD + MAX_RESPONSE + MAX_TAIL];
};

struct instance {
	isc_mem_t *mctx;
	struct sockaddr_un address;
	char identity[MAX_IDENTITY + 1];
	struct connection *connections[MAX_THREADS]; /* by named's number of the thread */
};

static time_t
now_monotonic(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* Frame Streams: escape, length of the control frame, START (2), field CONTENT_TYPE (1), its length, its value. */
static bool
send_start(int fd) {
	static const char start[] = "\0\0\0\0\0\0\0\x22\0\0\0\x02\0\0\0\x01\0\0\0\x16" CONTENT_TYPE;
	return send(fd, start, sizeof(start) - 1, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)(sizeof(start) - 1);
}

static bool
connect_to(struct connection *connection, const struct sockaddr_un *address) {
	time_t now = now_monotonic();
	if (now < connection->retry_at) {
		return false;
	}
	connection->retry_at = now + RETRY_SECONDS;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return false;
	}
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 || !send_start(fd)) {
		close(fd);
		return false;
	}
	connection->fd = fd;
	return true;
}

static struct connection *
connection_of_this_thread(struct instance *instance) {
	int thread = isc_nm_tid();
	if (thread < 0 || thread >= MAX_THREADS) {
		return NULL;
	}
	struct connection *connection = instance->connections[thread];
	if (connection == NULL) {
		connection = isc_mem_get(instance->mctx, sizeof(*connection));
		connection->fd = -1;
		connection->retry_at = 0;
		instance->connections[thread] = connection;
	}
	if (connection->fd < 0 && !connect_to(connection, &instance->address)) {
		return NULL;
	}
	return connection;
}

static uint8_t *
put_u16(uint8_t *to, uint16_t number) {
	to[0] = number >> 8;
	to[1] = number & 0xff;
	return to + 2;
}

static uint8_t *
put_u32(uint8_t *to, uint32_t number) {
	return put_u16(put_u16(to, number >> 16), number & 0xffff);
}

static uint8_t *
put_octets(uint8_t *to, const void *octets, size_t length) {
	memcpy(to, octets, length);
	return to + length;
}

static uint8_t *
put_varint(uint8_t *to, uint64_t number) {
	for (; number > 127; number >>= 7) {
		*to++ = (number & 127) | 128;
	}
	*to++ = number;
	return to;
}

static size_t
varint_length(uint64_t number) {
	size_t length = 1;
	for (; number > 127; number >>= 7) {
		length++;
	}
	return length;
}

static bool
is_address_type(dns_rdatatype_t type) {
	return type == TYPE_A || type == TYPE_AAAA || type == TYPE_SVCB || type == TYPE_HTTPS;
}

/* Adds the records of a set; returns NULL when there is no room, or when the set is not validated yet. */
static uint8_t *
put_rdataset(uint8_t *to, const uint8_t *end, const dns_name_t *owner, dns_rdataset_t *rdataset, unsigned int *count) {
	if (DNS_TRUST_PENDING(rdataset->trust)) {
		return NULL;
	}
	dns_rdataset_t records;
	dns_rdataset_init(&records);
	dns_rdataset_clone(rdataset, &records);
	isc_result_t result;
	for (result = dns_rdataset_first(&records); result == ISC_R_SUCCESS; result = dns_rdataset_next(&records)) {
		dns_rdata_t rdata = DNS_RDATA_INIT;
		dns_rdataset_current(&records, &rdata);
		if ((size_t)(end - to) < owner->length + 10 + (size_t)rdata.length) {
			to = NULL;
			break;
		}
		to = put_octets(to, owner->ndata, owner->length);
		to = put_u16(to, records.type);
		to = put_u16(to, records.rdclass);
		to = put_u32(to, records.ttl);
		to = put_u16(to, rdata.length);
		to = put_octets(to, rdata.data, rdata.length);
		(*count)++;
	}
	dns_rdataset_disassociate(&records);
	return to;
}

/* The answer in wire format; 0: there is nothing to hand over. */
static size_t
put_response(uint8_t *response, const query_ctx_t *query) {
	dns_message_t *message = query->client->message;
	const dns_name_t *qname = query->client->query.origqname != NULL ? query->client->query.origqname
									 : query->client->query.qname;
	if (qname == NULL || message->rcode != dns_rcode_noerror || !is_address_type(query->qtype)) {
		return 0;
	}
	const uint8_t *end = response + MAX_RESPONSE;
	unsigned int count = 0;
	uint8_t *to = put_octets(response + 12, qname->ndata, qname->length);
	to = put_u16(put_u16(to, query->qtype), message->rdclass);
	isc_result_t result;
	for (result = dns_message_firstname(message, DNS_SECTION_ANSWER); result == ISC_R_SUCCESS;
	     result = dns_message_nextname(message, DNS_SECTION_ANSWER))
	{
		dns_name_t *owner = NULL;
		dns_message_currentname(message, DNS_SECTION_ANSWER, &owner);
		for (dns_rdataset_t *rdataset = ISC_LIST_HEAD(owner->list); rdataset != NULL;
		     rdataset = ISC_LIST_NEXT(rdataset, link))
		{
			if (!is_address_type(rdataset->type) && rdataset->type != TYPE_CNAME && rdataset->type != TYPE_DNAME) {
				continue;
			}
			to = put_rdataset(to, end, owner, rdataset, &count);
			if (to == NULL) {
				return 0;
			}
		}
	}
	if (count == 0) {
		return 0;
	}
	/* QR, RD, RA; NOERROR; one question. */
	uint8_t *header = put_u16(put_u16(response, 0), 0x8180);
	header = put_u16(put_u16(header, 1), count);
	put_u16(put_u16(header, 0), 0);
	return to - response;
}

/* The response stands at buffer + MAX_HEAD; what belongs before it is put right before it, so that nothing is copied. */
static void
send_frame(struct instance *instance, struct connection *connection, size_t length) {
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	size_t identity = strlen(instance->identity);
	size_t message = 2 + 1 + varint_length(now.tv_sec) + 5 + 1 + varint_length(length) + length;
	size_t frame = 1 + varint_length(identity) + identity + 1 + varint_length(message) + message + MAX_TAIL;
	uint8_t *response = connection->buffer + MAX_HEAD;
	uint8_t *start = response + length + MAX_TAIL - frame - 4;
	uint8_t *to = put_u32(start, frame);
	*to++ = 0x0a;
	to = put_octets(put_varint(to, identity), instance->identity, identity);
	*to++ = 0x72;
	to = put_varint(to, message);
	to = put_octets(to, "\x08\x06\x60", 3);
	to = put_varint(to, now.tv_sec);
	*to++ = 0x6d;
	for (int shift = 0; shift < 32; shift += 8) {
		*to++ = (now.tv_nsec >> shift) & 0xff;
	}
	*to++ = 0x72;
	put_varint(to, length);
	put_octets(response + length, "\x78\x01", MAX_TAIL);
	ssize_t written = send(connection->fd, start, frame + 4, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (written == (ssize_t)(frame + 4)) {
		return;
	}
	/* No room: nothing was written, and the stream is intact. Anything else has ended it. */
	if (written < 0 && (errno == EAGAIN || errno == EINTR)) {
		return;
	}
	close(connection->fd);
	connection->fd = -1;
}

static ns_hookresult_t
on_answer(void *arg, void *data, isc_result_t *resp) {
	const query_ctx_t *query = arg;
	struct instance *instance = data;
	(void)resp;
	struct connection *connection = connection_of_this_thread(instance);
	if (connection != NULL) {
		size_t length = put_response(connection->buffer + MAX_HEAD, query);
		if (length > 0) {
			send_frame(instance, connection, length);
		}
	}
	return NS_HOOK_CONTINUE;
}

/* Reads `KEY "VALUE";`. Returns what follows it, NULL where that does not stand there. */
static const char *
read_setting(const char *text, char *key, size_t key_size, char *value, size_t value_size) {
	size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz");
	if (length == 0 || length >= key_size) {
		return NULL;
	}
	memcpy(key, text, length);
	key[length] = '\0';
	text += length;
	text += strspn(text, " \t\r\n");
	if (*text != '"') {
		return NULL;
	}
	text++;
	length = strcspn(text, "\"");
	if (text[length] != '"' || length == 0 || length >= value_size) {
		return NULL;
	}
	memcpy(value, text, length);
	value[length] = '\0';
	text += length + 1;
	text += strspn(text, " \t\r\n");
	return *text == ';' ? text + 1 : NULL;
}

static isc_result_t
read_parameters(const char *parameters, const char *file, unsigned long line, isc_log_t *lctx, struct sockaddr_un *address,
		char *identity) {
	const char *fault = NULL;
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	identity[0] = '\0';
	const char *text = parameters != NULL ? parameters : "";
	for (text += strspn(text, " \t\r\n"); *text != '\0' && fault == NULL; text += strspn(text, " \t\r\n")) {
		char key[16], value[MAX_IDENTITY + 1];
		const char *rest = read_setting(text, key, sizeof(key), value, sizeof(value));
		if (rest == NULL) {
			fault = "expected socket \"PATH\"; and identity \"NAME\";, each value of 1 to 255 octets";
		} else if (strcmp(key, "socket") == 0) {
			if (value[0] != '/' || strlen(value) >= sizeof(address->sun_path)) {
				fault = "socket: expected an absolute path of at most 107 octets";
			} else {
				strcpy(address->sun_path, value);
			}
		} else if (strcmp(key, "identity") == 0) {
			strcpy(identity, value);
		} else {
			fault = "expected the settings socket and identity and no others";
		}
		text = rest != NULL ? rest : text;
	}
	if (fault == NULL && address->sun_path[0] == '\0') {
		fault = "the setting socket \"PATH\"; is missing";
	}
	if (fault == NULL && identity[0] == '\0' && gethostname(identity, MAX_IDENTITY) != 0) {
		fault = "this machine has no host name: set identity \"NAME\";";
	}
	if (fault == NULL) {
		return ISC_R_SUCCESS;
	}
	isc_log_write(lctx, NS_LOGCATEGORY_GENERAL, NS_LOGMODULE_HOOKS, ISC_LOG_ERROR, "%s:%lu: dnstap_bgp: %s", file, line, fault);
	return ISC_R_FAILURE;
}

isc_result_t
plugin_register(const char *parameters, const void *cfg, const char *file, unsigned long line, isc_mem_t *mctx, isc_log_t *lctx,
		void *actx, ns_hooktable_t *hooktable, void **instp) {
	(void)cfg;
	(void)actx;
	struct instance *instance = isc_mem_get(mctx, sizeof(*instance));
	memset(instance, 0, sizeof(*instance));
	isc_result_t result = read_parameters(parameters, file, line, lctx, &instance->address, instance->identity);
	if (result != ISC_R_SUCCESS) {
		isc_mem_put(mctx, instance, sizeof(*instance));
		return result;
	}
	isc_mem_attach(mctx, &instance->mctx);
	ns_hook_t hook = { .action = on_answer, .action_data = instance };
	ns_hook_add(hooktable, mctx, NS_QUERY_DONE_SEND, &hook);
	isc_log_write(lctx, NS_LOGCATEGORY_GENERAL, NS_LOGMODULE_HOOKS, ISC_LOG_INFO,
		      "dnstap_bgp: answers are handed over to %s as %s", instance->address.sun_path, instance->identity);
	*instp = instance;
	return ISC_R_SUCCESS;
}

isc_result_t
plugin_check(const char *parameters, const void *cfg, const char *file, unsigned long line, isc_mem_t *mctx, isc_log_t *lctx,
	     void *actx) {
	(void)cfg;
	(void)mctx;
	(void)actx;
	struct sockaddr_un address;
	char identity[MAX_IDENTITY + 1];
	return read_parameters(parameters, file, line, lctx, &address, identity);
}

/* named has stopped its threads, or holds them. */
void
plugin_destroy(void **instp) {
	struct instance *instance = *instp;
	*instp = NULL;
	for (int thread = 0; thread < MAX_THREADS; thread++) {
		struct connection *connection = instance->connections[thread];
		if (connection == NULL) {
			continue;
		}
		if (connection->fd >= 0) {
			close(connection->fd);
		}
		isc_mem_put(instance->mctx, connection, sizeof(*connection));
	}
	isc_mem_putanddetach(&instance->mctx, instance, sizeof(*instance));
}

int
plugin_version(void) {
	return NS_PLUGIN_VERSION;
}
