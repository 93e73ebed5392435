@role:dm-client
Feature: Where the instances of an object are
  A server asks for an object by its identifier (RD DM 1.3, 6.2 and appendix B.3).

  @DM-HLF-012 @id:all
  Scenario: All places of an object are named
    Given a client with three instances of an object in different places, and one of a similar object
    When the server asks where the instances of the object are
    Then the client names the three places, and no other

  @DM-HLF-012 @id:changed
  Scenario: The places are those of now
    Given a client with three instances of an object in different places, and one of a similar object
    When the server adds an instance and removes another
    And the server asks where the instances of the object are
    Then the client names the places where they are now, and no other

  @DM-HLF-012 @id:unknown
  Scenario: An object that is nowhere has no place
    Given a client with three instances of an object in different places, and one of a similar object
    When the server asks where an object is that the client does not have
    Then the client names no place
