"""Values and errors that every room speaks. Imports only the standard library and pydantic."""
