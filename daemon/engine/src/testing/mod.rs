//! The engine's own bench: memory adapters, a fault adapter, and the contract suites.
