//! How packets go: layers 1 to 3, paths, reasons.
