@role:dm-client
Feature: Which optional features a client has
  A server can find out what a client can do, before it relies on it (RD DM 1.3, 6.2).

  @DM-HLF-009 @id:documents
  Scenario: What a client says of trees as documents is true
    Given a client that was asked whether it takes trees as documents
    When the server tries it
    Then the client does as it said

  @DM-HLF-009 @id:inbox
  Scenario: What a client says of its inbox is true
    Given a client that was asked whether it has an inbox
    When the server tries it
    Then the client does as it said

  @DM-HLF-009 @id:lists
  Scenario: What a client says of lists is true
    Given a client that was asked whether it has lists
    When the server tries it
    Then the client does as it said

  @DM-HLF-009 @id:parts
  Scenario: What a client says of values in parts is true
    Given a client that was asked whether it takes values in parts
    When the server tries it
    Then the client does as it said

  @DM-HLF-009 @id:user
  Scenario: What a client says of its user is true
    Given a client that was asked whether it tells its user
    When the server tries it
    Then the client does as it said
