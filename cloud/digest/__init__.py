"""The morning's digest by e-mail: the first page's figures of the last whole day.

    rounds      when it is due, and who of several processes sends it: a row decides
      -> figures   what stands in it, asked as the pages ask
      -> letter    that as a message, in text and HTML
      -> post      that handed to the server of mail

Started by `cloud.run` and by `menkou-hub digest`. No name of a guest stands in it, and nothing that
would be fetched from elsewhere.
"""
