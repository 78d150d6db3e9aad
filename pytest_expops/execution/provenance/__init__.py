"""What a result was made from: code, files, parameters, environment."""
