@role:dm-client
Feature: What a server asks the user
  Texts and questions of a server in a session (DM Representation Protocol 1.2).

  @DM-CLI-17 @id:told
  Scenario: A text is shown
    Given the server wants to tell the user something
    When the client begins a session
    Then the client says that it was told

  @DM-CLI-17 @id:agrees
  Scenario: A user agrees
    Given the server wants the user to agree to something
    When the client begins a session in which the user agrees
    Then the client says that the user agreed

  @DM-CLI-17 @id:disagrees
  Scenario: A user disagrees
    Given the server wants the user to agree to something
    When the client begins a session in which the user disagrees
    Then the client says that the user disagreed

  @DM-CLI-17 @id:cancels
  Scenario: A user cancels
    Given the server wants the user to enter something
    When the client begins a session in which the user cancels
    Then the client says that the user cancelled

  @DM-CLI-17 @id:enters
  Scenario: A user enters a text
    Given the server wants the user to enter something
    When the client begins a session in which the user enters it
    Then the client says what the user entered

  @DM-CLI-17 @id:chooses
  Scenario: A user chooses
    Given the server wants the user to choose one of three
    When the client begins a session in which the user chooses the second
    Then the client says what the user chose

  @DM-CLI-17 @id:chooses-several
  Scenario: A user chooses several
    Given the server wants the user to choose some of three
    When the client begins a session in which the user chooses the first and the third
    Then the client says both that the user chose

  @DM-CLI-17 @advice @id:silent
  Scenario: A user who says nothing holds up no session
    Given the server wants the user to agree to something soon
    When the client begins a session in which the user says nothing
    Then the client says that the time was over, or what it was to take for the answer
