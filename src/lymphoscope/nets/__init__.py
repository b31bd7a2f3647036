"""Networks by part: backbones and heads. Only torch is known here."""
