"""What operators prove themselves with: passkeys. Each library belongs to one file here."""
