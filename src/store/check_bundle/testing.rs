//! Archives for tests.
