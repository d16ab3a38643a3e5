"""The box's keys and what is sealed with them. Used by the store and the composition root.

    app ──> roots (Keyring) ──> file_key | tpm_key | hub_key     where the two roots live
    store.people ──> profiles                                    a member's profile
    enrolment    ──> lock                                        seals a template, cannot open it
    eyes         ──> templates                                   opens templates: the eyes alone

All of it rests on `envelope`, which is `cryptography` with this project's parameters.
"""
