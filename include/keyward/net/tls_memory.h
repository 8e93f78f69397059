// Where OpenSSL gets the buffers of its records from.
#pragma once

namespace keyward::net {

// SSL_MODE_RELEASE_BUFFERS takes and gives back a buffer of one record with every read and write, of
// a size that malloc(3) does not keep at hand: each thread keeps a few. Once, before anything else
// of OpenSSL (CRYPTO_set_mem_functions(3)); later it does nothing.
void keep_record_buffers();

}  // namespace keyward::net
