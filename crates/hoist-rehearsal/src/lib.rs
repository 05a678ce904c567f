//! HTTP and DNS servers that misbehave on purpose.
