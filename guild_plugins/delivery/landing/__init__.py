"""Landing: scope branches onto trunk, merged, judged, tested, and moved at once."""
